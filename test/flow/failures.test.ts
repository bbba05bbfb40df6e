/**
 * A failure at any step leaves nothing behind. What is left is looked for at the engine and at the proxy, never in our own records:
 * those could be wrong in the same way as the code.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deployer, type Deployment, type StageOptions, unwrap } from '../../packages/core/src/index.js';
import type { ProxyManager } from '../../packages/core/src/ports/proxy-manager.js';
import { type Breakage, breaking } from '../support/break.js';
import { eventually } from '../support/engine.js';
import { type Field, openField } from '../support/field.js';
import { ask } from '../support/front-door.js';
import { pushApp } from '../support/images.js';

let field: Field;
let image: string;
beforeAll(async () => {
  field = await openField('failures');
  image = `${field.registry.host}/shop`;
  await pushApp(field.bench, `${image}:v1`, { version: 'v1' });
  await pushApp(field.bench, `${image}:v2`, { version: 'v2' });
  await pushApp(field.bench, `${image}:exits`, {
    version: 'exits',
    listensAfterMs: null,
    exitsAfterMs: 50,
    exitCode: 7,
    lastLines: ['no database'],
  });
  await pushApp(field.bench, `${image}:silent`, { version: 'silent', listensAfterMs: null });
  await pushApp(field.bench, `${image}:inside`, { version: 'inside', address: '127.0.0.1' });
  await pushApp(field.bench, `${image}:no-command`, { version: 'x', command: ['/not/there'] });
});
afterAll(async () => {
  await field[Symbol.asyncDispose]();
});

const QUICK = { retries: 1, interval: '300ms', timeout: '500ms' } as const;
let stages = 0;

interface Scene {
  readonly deployer: Deployer;
  readonly stage: string;
  readonly first: Deployment;
}

/** A stage of its own with v1 on it, and a deployer whose ports break from the second deployment on. */
async function scene(
  options: StageOptions = {},
  breakage: { readonly runtime?: Breakage; readonly proxy?: Breakage | ((proxy: ProxyManager) => ProxyManager) } = {},
): Promise<Scene> {
  stages += 1;
  const stage = `s${stages}`;
  let isBroken = false;
  const later = <Port extends object>(port: Port, broken: Port): Port =>
    new Proxy(port, {
      get: (_target, key) => {
        const from = isBroken ? broken : port;
        const value = Reflect.get(from, key) as unknown;
        return typeof value === 'function' ? value.bind(from) : value;
      },
    });
  const { runtime, proxy } = breakage;
  const deployer = await field.deployer(
    { shop: { image, stages: { [stage]: { port: 3000, healthcheck: QUICK, drain: 0, ...options } } } },
    {
      settings: { effectTimeoutMs: 2_000, undoTimeoutMs: 8_000, absentForMs: 300 },
      ...(runtime ? { wrapRuntime: (port) => later(port, breaking(port, runtime)) } : {}),
      ...(proxy
        ? { wrapProxy: (port) => later(port, typeof proxy === 'function' ? proxy(port) : breaking(port, proxy)) }
        : {}),
    },
  );
  const first = await unwrap(deployer.deploy({ project: 'shop', stage, tag: 'v1' }));
  isBroken = true;
  return { deployer, stage, first };
}

/** The stage is as it was after its first deployment: one container, its two domains, and v1 behind both of them. */
async function expectUntouched({ stage, first }: Scene, failed: Deployment | undefined): Promise<void> {
  const containers = await field.bench.containers();
  const ours = containers.flatMap(({ Names }) => Names).filter((name) => name.startsWith(`/shop-${stage}-`));
  expect(ours).toEqual([expect.stringContaining(first.id)]);
  for (const domain of [`stage-${stage}-shop.bench.test`, `stage-${stage}-shop-v1.bench.test`])
    expect(await ask(field.frontDoor, domain)).toEqual({ status: 200, body: 'v1\n' });
  for (const tag of ['v2', 'exits', 'silent', 'inside', 'no-command'])
    expect((await ask(field.frontDoor, `stage-${stage}-shop-${tag}.bench.test`)).status).toBe(404);
  expect(failed).toMatchObject({ cleanup: 'none', left: [] });
}

async function expectFailure(at: Scene, tag: string, expected: object): Promise<void> {
  const answer = await at.deployer.deploy({ project: 'shop', stage: at.stage, tag });
  const error = answer._unsafeUnwrapErr();
  expect(error).toMatchObject(expected);
  expect(error.hint).not.toBe('');
  expect(error.deployment?.status).toBe('failed');
  await expectUntouched(at, error.deployment);
  await at.deployer.close();
}

describe('a deployment that fails leaves what served before, and nothing else', () => {
  it.each([
    ['the tag is not there', 'missing', { kind: 'image-not-found' }],
    ['the command is not there', 'no-command', { kind: 'start-failed', step: 'start' }],
    [
      'its process ends',
      'exits',
      {
        kind: 'unhealthy',
        code: 'exited',
        step: 'health',
        details: { lastLines: expect.arrayContaining(['no database']) },
      },
    ],
    ['nothing listens', 'silent', { kind: 'unhealthy', code: 'refused', step: 'health' }],
    [
      'it listens inside its container alone',
      'inside',
      { kind: 'unhealthy', code: 'refused', hint: expect.stringContaining('127.0.0.1') },
    ],
  ])('when %s', async (_why, tag, expected) => {
    // With an init process the engine starts that one, and finds nothing wrong.
    const options = tag === 'exits' ? { restart: 'no' as const } : tag === 'no-command' ? { init: false } : {};
    await expectFailure(await scene(options), tag, expected);
  });

  it.each<[string, Breakage['method'], Breakage['how'], string]>([
    ['pull', 'pull', 'before', 'engine-refused'],
    ['pull', 'pull', 'after', 'engine-refused'],
    ['create', 'create', 'before', 'engine-refused'],
    ['create', 'create', 'after', 'engine-refused'],
    ['create', 'create', 'hang', 'timeout'],
    ['start', 'start', 'before', 'engine-refused'],
    ['start', 'start', 'after', 'engine-refused'],
    ['start', 'start', 'hang', 'timeout'],
  ])('when the engine fails at %s (%s, %s)', async (step, method, how, kind) => {
    const { docker } = field.bench;
    // Its own image each time: one that is there would not be pulled.
    await docker
      .getImage(`${image}:v2`)
      .remove({ force: true })
      .catch(() => undefined);
    await expectFailure(await scene({}, { runtime: { method, how } }), 'v2', { kind, step });
  });

  it.each<[string, Breakage]>([
    ['route', { method: 'put', how: 'before', call: 1 }],
    ['route', { method: 'put', how: 'after', call: 1 }],
    ['route', { method: 'put', how: 'hang', call: 1 }],
    ['cutover', { method: 'put', how: 'before', call: 2 }],
    ['cutover', { method: 'put', how: 'after', call: 2 }],
    ['cutover', { method: 'prove', how: 'before', call: 1 }],
    ['cutover', { method: 'prove', how: 'before', call: 2 }],
  ])('when the proxy fails at %s %o', async (step, breakage) => {
    await expectFailure(await scene({}, { proxy: breakage }), 'v2', { step });
  });

  it('when a further network cannot be connected', async () => {
    const name = `${field.bench.prefix}-more`;
    const at = await scene({ networks: [field.network, name] }, { runtime: { method: 'connect', how: 'after' } });
    await expectFailure(at, 'v2', { step: 'connect' });
    expect((await field.bench.docker.listNetworks()).map(({ Name }) => Name)).toContain(name);
  });

  it('when it is cancelled, at whatever step', async () => {
    for (const step of ['create', 'start', 'route', 'health', 'cutover']) {
      const at = await scene();
      const cancel = new AbortController();
      at.deployer.on('deployment.step', (event) => {
        if (event.step.name === step && event.step.status === 'running') cancel.abort();
      });
      const tag = step === 'health' ? 'silent' : 'v2';
      const answer = await at.deployer.deploy({ project: 'shop', stage: at.stage, tag }, { signal: cancel.signal });
      expect(answer._unsafeUnwrapErr(), step).toMatchObject({ kind: 'cancelled', deployment: { status: 'cancelled' } });
      await expectUntouched(at, answer._unsafeUnwrapErr().deployment);
      await at.deployer.close();
    }
  });

  it('starts the old instance again where it had to stop first', async () => {
    const at = await scene({ replace: 'stop-first', restart: 'no', stopGrace: '1s' });
    await expectFailure(at, 'exits', { kind: 'unhealthy', step: 'health' });
  });

  it('tells what it could not take back, and takes it back later', async () => {
    // The put-back fails once: the container stays under the route that still leads to it, until the next try.
    const at = await scene(
      {},
      {
        proxy: (port) =>
          breaking(breaking(port, { method: 'prove', how: 'before', call: 1 }), {
            method: 'put',
            how: 'before',
            call: 3,
          }),
      },
    );
    const answer = await at.deployer.deploy({ project: 'shop', stage: at.stage, tag: 'v2' });
    const { deployment } = answer._unsafeUnwrapErr();
    expect(deployment).toMatchObject({ status: 'failed', cleanup: 'pending' });
    expect(deployment?.left.length).toBeGreaterThan(0);
    expect((await ask(field.frontDoor, `stage-${at.stage}-shop.bench.test`)).status).toBe(200);
    const cleaned = await eventually('the rest is undone', async () => {
      const now = await unwrap(at.deployer.deployments.get(deployment?.id ?? ''));
      return now.cleanup === 'done' && now;
    });
    expect(cleaned.status).toBe('failed');
    await expectUntouched(at, { ...cleaned, cleanup: 'none' });
    await at.deployer.close();
  });
});
