/** What counts as healthy, how soon it is seen, what a failure says: a table, run through whole deployments in virtual time. */
import { errAsync, okAsync, ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import type { HealthcheckOptions, StageOptions } from '../config/options.js';
import { DEV, deployerIn, IMAGE, push } from '../deployer/testbed.js';
import type { DeployError, DeployerOptions } from '../deployer/types.js';
import type { HealthEvidence } from '../domain/health.js';
import type { Deployment } from '../domain/views.js';
import type { HealthProbe, ProbeAnswer, ProbeRequest } from '../ports/health-probe.js';
import { type AppBehaviour, memoryProbe, memoryWorld } from '../testing/index.js';

interface Outcome {
  readonly deployment: Deployment | undefined;
  readonly error: DeployError | undefined;
  readonly evidence: HealthEvidence | undefined;
  readonly ms: number;
  readonly log: string;
}

async function deployed(
  app: AppBehaviour,
  stage: StageOptions,
  options: Partial<DeployerOptions> | ((world: ReturnType<typeof memoryWorld>) => Partial<DeployerOptions>) = {},
): Promise<Outcome> {
  const world = memoryWorld();
  world.engine.push(`${IMAGE}:v1`, app);
  const more = typeof options === 'function' ? options(world) : options;
  const deployer = await deployerIn(world, { projects: { shop: { image: IMAGE, stages: { dev: stage } } }, ...more });
  const startMs = world.clock.monotonicMs();
  const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }), 7_200_000);
  const ms = world.clock.monotonicMs() - startMs;
  const deployment = answer.isOk() ? answer.value : answer.error.deployment;
  const lines: string[] = [];
  if (deployment) for await (const { message } of deployer.logs(deployment.id)) lines.push(message);
  await world.clock.until(deployer.close());
  expect(world.clock.pending).toBe(0);
  if (answer.isErr()) expect(world.engine.containers.size).toBe(0);
  const error = answer.isErr() ? answer.error : undefined;
  return { deployment, error, evidence: error?.details as never, ms, log: lines.join('\n') };
}

const http = (healthcheck: HealthcheckOptions): StageOptions => ({ port: 3000, healthcheck });

describe('healthy', () => {
  const table: readonly [string, AppBehaviour, StageOptions][] = [
    ['200 on /', {}, { port: 3000 }],
    ['any 2xx by default', { status: 204 }, { port: 3000 }],
    [
      'a path of its own',
      { status: (path) => (path === '/healthz' ? 200 : 500) },
      { port: 3000, healthcheckPath: '/healthz' },
    ],
    ['one status', { status: 418 }, http({ expectStatus: 418 })],
    ['a range', { status: 302 }, http({ expectStatus: '300-399' })],
    ['a set', { status: 401 }, http({ expectStatus: [200, '401-403'] })],
    ['the end of a range', { status: 403 }, http({ expectStatus: [200, '401-403'] })],
    ['a text in the body', { body: '{"status":"up"}' }, http({ expectBody: '"up"' })],
    ['a pattern in the body', { body: 'Status: UP' }, http({ expectBody: /status:\s+up/i })],
    ['a sticky pattern, at every attempt', { body: 'xUP' }, http({ expectBody: /UP/gy, successThreshold: 2 })],
    ['tcp, whatever it would say', { status: 500 }, http({ kind: 'tcp' })],
    ['the image’s own check', { health: { status: 'healthy', afterMs: 2_000 } }, http({ kind: 'image' })],
    ['a stage without a port that runs', {}, {}],
    ['what is meant to end, with 0', { exitsAfterMs: 5_000, exitCode: 0 }, { oneShot: true }],
    ['a slow starter within its start period', { listensAfterMs: 55_000 }, http({ startPeriod: '60s' })],
    ['a slow one within its retries', { listensAfterMs: 17_000 }, { port: 3000 }],
  ];
  it.each(table)('%s', async (_name, app, stage) => {
    const { deployment, error } = await deployed(app, stage);
    expect(error).toBeUndefined();
    expect(deployment?.status).toBe('succeeded');
  });
});

describe('not healthy', () => {
  const table: readonly [string, AppBehaviour, StageOptions, string, RegExp][] = [
    ['nobody listens', { listensAfterMs: null }, { port: 3000 }, 'refused', /0\.0\.0\.0.*startPeriod/],
    ['a redirect', { status: 301, location: '/login' }, { port: 3000 }, 'redirect', /\/login/],
    ['404', { status: 404 }, { port: 3000 }, 'not-found', /healthcheckPath/],
    ['500', { status: 500, body: 'no database' }, { port: 3000 }, 'status', /500/],
    ['just beyond a range', { status: 404 }, http({ expectStatus: [200, '401-403'] }), 'not-found', /404/],
    ['200 where it is not expected', {}, http({ expectStatus: 204 }), 'status', /200/],
    ['another body', { body: 'starting' }, http({ expectBody: 'ready' }), 'body', /expectBody/],
    ['hangs', { connection: 'hangs' }, http({ timeout: '2s' }), 'timeout', /startPeriod|timeout/],
    ['resets', { connection: 'resets' }, { port: 3000 }, 'reset', /plain HTTP/],
    ['tcp on a closed port', { listensAfterMs: null }, http({ kind: 'tcp' }), 'refused', /listens/],
    [
      'the image says so',
      { health: { status: 'unhealthy', afterMs: 100, output: 'exit 1' } },
      http({ kind: 'image' }),
      'unhealthy',
      /HEALTHCHECK/,
    ],
    ['the image has no check', {}, http({ kind: 'image' }), 'no-healthcheck', /HEALTHCHECK/],
    [
      'it ends',
      { exitsAfterMs: 40, exitCode: 3, listensAfterMs: null },
      { port: 3000, restart: 'no' },
      'exited',
      /last lines/,
    ],
    [
      'a crash loop',
      { exitsAfterMs: 40, exitCode: 1, listensAfterMs: null },
      { port: 3000 },
      'crash-loop',
      /last lines/,
    ],
    [
      'out of memory',
      { exitsAfterMs: 40, exitCode: 137, oomKilled: true, listensAfterMs: null },
      { port: 3000, restart: 'no' },
      'oom-killed',
      /memory/,
    ],
    ['a worker that ends', { exitsAfterMs: 500, exitCode: 0 }, { restart: 'no' }, 'exited', /last lines/],
    ['a one-shot that fails', { exitsAfterMs: 500, exitCode: 4 }, { oneShot: true }, 'exited', /last lines/],
    [
      'slower than its start period',
      { listensAfterMs: 120_000 },
      http({ startPeriod: '60s' }),
      'refused',
      /startPeriod/,
    ],
  ];
  it.each(table)('%s', async (_name, app, stage, reason, hint) => {
    const { error, evidence, deployment } = await deployed({ lines: ['last words'], ...app }, stage);
    expect(error).toMatchObject({ kind: 'unhealthy', code: reason, retryable: false });
    expect(error?.hint).toMatch(hint);
    expect(deployment).toMatchObject({ status: 'failed', cleanup: 'none' });
    if (reason === 'no-healthcheck') return;
    expect(error?.step).toBe('health');
    expect(evidence).toMatchObject({ reason, lastLines: expect.arrayContaining(['last words']) });
    expect(evidence?.container).toMatchObject({ oomKilled: reason === 'oom-killed' });
  });

  it('says all that it knows', async () => {
    const { error, evidence } = await deployed(
      { status: 503, body: 'no database', lines: ['connecting', 'refused'] },
      { port: 3000, healthcheckPath: '/ready' },
    );
    expect(evidence).toMatchObject({
      reason: 'status',
      url: expect.stringMatching(/^http:\/\/10\.0\.0\.\d+:3000\/ready$/),
      attempts: 4,
      last: { status: 503, body: 'no database' },
      container: { state: 'running', restarts: 0 },
      lastLines: ['connecting', 'refused'],
    });
    expect(error?.message).toMatch(/status 503 after 4 counted attempts in 20\.\d s/);
  });

  it('names the address once, though a probe names it as well', async () => {
    const { error } = await deployed({ listensAfterMs: null }, { port: 3000 }, (world) => {
      const probe = memoryProbe(world.engine);
      const check: HealthProbe['check'] = (request, call) =>
        probe.check(request, call).mapErr((failure) => ({
          ...failure,
          message: `GET http://${request.host}:${request.port}/: connection refused.`,
        }));
      return { probe: { ...probe, check } };
    });
    expect(error?.message).toMatch(
      / is not healthy: http:\/\/10\.0\.0\.\d+:3000\/: connection refused, after 4 counted attempts in 20\.\d s\.$/,
    );
  });

  it('says the exit code of one that ended', async () => {
    const app = { exitsAfterMs: 40, exitCode: 3, listensAfterMs: null };
    const { error, evidence, ms } = await deployed(app, { port: 3000, restart: 'no' });
    expect(evidence?.container).toMatchObject({ state: 'exited', exitCode: 3 });
    expect(error?.message).toContain('exit code 3');
    // At once, with all its retries unused.
    expect(ms).toBeLessThan(200);
    expect(evidence?.attempts).toBe(0);
  });
});

describe('timing', () => {
  it.each([0, 1, 30, 80, 400, 3_000])(
    'an app that answers after %i ms is seen within 100 ms more',
    async (listensAfterMs) => {
      const { deployment, ms } = await deployed({ listensAfterMs }, { port: 3000 });
      expect(deployment?.status).toBe('succeeded');
      expect(ms - listensAfterMs).toBeLessThanOrEqual(100);
    },
  );

  it('a refusal within the first interval costs no retry', async () => {
    const { log, deployment } = await deployed({ listensAfterMs: 4_900 }, http({ retries: 0 }));
    expect(deployment?.status).toBe('succeeded');
    expect(log).not.toContain('Attempt');
  });

  it('one attempt and so many retries, an interval apart', async () => {
    const { ms, log, evidence } = await deployed({ status: 500 }, http({ retries: 2, interval: '1s' }));
    expect(evidence?.attempts).toBe(3);
    expect(ms).toBeGreaterThanOrEqual(3_000);
    expect(ms).toBeLessThan(3_300);
    expect(log).toContain('Attempt 2 of 3: status 500');
  });

  it('asks for so many good answers in a row, and begins again after a bad one', async () => {
    let asked = 0;
    const answers = [200, 200, 500, 200, 200, 200];
    const probe: HealthProbe = {
      name: 'scripted',
      reaches: [{ kind: 'address', node: '*' }],
      check: () => okAsync({ status: answers[asked++] ?? 200, body: '', location: null }),
    };
    const { deployment } = await deployed({}, http({ successThreshold: 3 }), { probe });
    expect(deployment?.status).toBe('succeeded');
    expect(asked).toBe(6);
  });

  it('a probe that never answers is left, and counts', async () => {
    const probe: HealthProbe = {
      name: 'dead',
      reaches: [{ kind: 'address', node: '*' }],
      check: () => errAsync(undefined as never).orElse(() => new Promise(() => {}) as never) as never,
    };
    const { error, ms } = await deployed({}, http({ timeout: '2s', retries: 1 }), { probe });
    expect(error).toMatchObject({ kind: 'unhealthy', code: 'timeout' });
    expect(ms).toBeLessThan(20_000);
  });

  it('a probe that throws is no more than a failed attempt', async () => {
    const probe: HealthProbe = {
      name: 'broken',
      reaches: [{ kind: 'address', node: '*' }],
      check: () => {
        throw new Error('no socket');
      },
    };
    const { error } = await deployed({}, { port: 3000 }, { probe });
    expect(error).toMatchObject({ kind: 'unhealthy' });
    expect(error?.message).toContain('no socket');
  });

  it('asks as it was configured', async () => {
    const asked: ProbeRequest[] = [];
    const healthcheck = { path: '/h?x=1', method: 'HEAD', headers: { 'x-probe': 'yes' }, port: 9_090, timeout: '3s' };
    await deployed({}, http(healthcheck as HealthcheckOptions), (world) => ({
      probe: {
        ...world.probe,
        check: (request) => {
          asked.push(request);
          return okAsync({ status: 200, body: '', location: null });
        },
      },
    }));
    expect(asked[0]).toMatchObject({
      kind: 'http',
      method: 'HEAD',
      path: '/h?x=1',
      headers: { 'x-probe': 'yes' },
      port: 9_090,
    });
  });

  it('a good answer between two crashes is none: it is seen before the traffic moves', async () => {
    const { error } = await deployed(
      { exitsAfterMs: 3_000, exitCode: 1 },
      http({ successThreshold: 2, interval: '4s' }),
    );
    expect(error).toMatchObject({ kind: 'unhealthy', code: 'crash-loop' });
  });
});

describe('secrets in the evidence', () => {
  const SECRET = 'correct-horse-battery';
  const env = { API_KEY: SECRET };

  it.each([
    ['the body', { status: 500, body: `key=${SECRET}` }, {}],
    ['the body, where it is cut', { status: 500, body: `${'.'.repeat(190)}${SECRET}` }, {}],
    ['the last lines', { status: 500, lines: [`using ${SECRET}`, `basic ${btoa(SECRET)}`] }, {}],
    ['where a redirect goes', { status: 302, location: `/?token=${SECRET}` }, {}],
    ["the image's check", { health: { status: 'unhealthy', afterMs: 10, output: `bad ${SECRET}` } }, { kind: 'image' }],
    [
      "the image's check, where it is cut",
      { health: { status: 'unhealthy', afterMs: 10, output: `${'.'.repeat(978)}${SECRET}` } },
      { kind: 'image' },
    ],
  ] as const)('%s', async (_name, app, healthcheck) => {
    const { error, log, deployment } = await deployed(app, { port: 3000, env, healthcheck });
    const text = JSON.stringify([{ ...error, cause: null }, log, deployment]);
    for (const form of [SECRET, btoa(SECRET), SECRET.slice(0, 8)]) expect(text).not.toContain(form);
    expect(error?.kind).toBe('unhealthy');
  });
});

it('a good answer is none where the address has become another’s meanwhile', async () => {
  let asked = 0;
  const { error, evidence } = await deployed({ status: 500 }, http({ interval: 300, retries: 0 }), (world) => {
    const probe = memoryProbe(world.engine);
    // What is asked again is only what was not seen a moment ago: no address is another's so soon.
    const stranger = ResultAsync.fromSafePromise<ProbeAnswer>(
      new Promise((resolve) => {
        world.clock.after(60, () => resolve({ status: 200, body: 'ok', location: null }));
      }),
    );
    return {
      probe: {
        ...probe,
        check(request, options) {
          asked += 1;
          if (asked > 1) return probe.check(request, options);
          // Every container comes back under another address.
          world.engine.restart();
          return stranger;
        },
      },
    };
  });
  expect(error?.kind).toBe('unhealthy');
  expect(evidence).toMatchObject({ last: { status: 500 } });
});

it('a stage without a port has no route and needs no probe', async () => {
  const world = memoryWorld();
  push(world, 'v1');
  const projects = { shop: { image: IMAGE, stages: { dev: {} } } };
  const { domain: _none, ...settings } = { domain: 'apps.test' };
  const deployer = await deployerIn(world, { projects, settings });
  const startMs = world.clock.monotonicMs();
  const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }));
  expect(answer._unsafeUnwrap().steps.map(({ name }) => name)).toEqual(['pull', 'create', 'start', 'health']);
  expect(world.clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(2_000);
  await world.clock.until(deployer.close());
});
