/** Hooks: when they are called, what they are told, and what becomes of a deployment whose hook does not do as it should. */
import { err } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { brokenPromises, everythingIn } from '../deployer/testbed.js';
import { failure, QuaysideError } from '../domain/errors.js';
import type { DeployerEvents } from '../events/types.js';
import { bed, newest, plugin } from './testbed.js';
import type { HookContext, StepName } from './types.js';

const BEFORE_THE_COMMIT = ['claim', 'pull', 'create', 'start', 'route', 'health', 'cutover', 'commit'] as const;

describe('hooks', () => {
  it('are called before and after each step that the deployment has, and after the commit', async () => {
    const called: string[] = [];
    const { deploy, close } = await bed([
      plugin((host) => {
        for (const step of [...BEFORE_THE_COMMIT, 'stop-previous', 'connect'] satisfies StepName[]) {
          host.before(step, () => void called.push(`before ${step}`));
          host.after(step, () => void called.push(`after ${step}`));
        }
      }),
    ]);
    expect(await deploy()).toMatchObject({ status: 'succeeded' });
    await close();
    expect(called).toEqual(BEFORE_THE_COMMIT.flatMap((step) => [`before ${step}`, `after ${step}`]));
  });

  it('are called in the order of what their plugins depend on', async () => {
    const called: string[] = [];
    const named = (name: string, ...after: string[]) =>
      plugin((host) => host.before('cutover', () => void called.push(name)), { name, after });
    const { deploy, close } = await bed([named('third', 'second'), named('second', 'first'), named('first')]);
    await deploy();
    await close();
    expect(called).toEqual(['first', 'second', 'third']);
  });

  it('are told of the deployment, of the new instance once it runs, and of the one before', async () => {
    const told = new Map<string, HookContext>();
    const { deploy, close } = await bed([
      plugin((host) => {
        for (const step of ['claim', 'start', 'health'] as const)
          host.before(step, (context) => void told.set(`before ${step}`, context));
        host.after('start', (context) => void told.set('after start', context));
      }),
    ]);
    await deploy({ tag: 'v1' });
    expect(told.get('before health')?.previous).toBeNull();
    const second = await deploy({ tag: 'v2' });
    expect(told.get('before claim')).toMatchObject({
      deploymentId: 'id' in second ? second.id : '',
      project: 'shop',
      stage: 'dev',
      tag: 'v2',
      digest: 'digest' in second ? second.digest : '',
      kind: 'deploy',
      mode: 'create',
      by: null,
      instance: null,
      spec: { port: 3000, maxInstances: 3 },
    });
    expect(told.get('before start')?.instance).toBeNull();
    for (const at of ['after start', 'before health']) {
      const { instance, previous } = told.get(at) ?? {};
      expect(instance?.endpoints).toContainEqual({
        kind: 'name',
        network: 'apps',
        host: instance?.container,
        port: 3000,
      });
      expect(previous).toMatchObject({ tag: 'v1', container: expect.stringContaining('shop-dev-v1') });
    }
    await close();
  });

  it('are told of an instance that runs already where the routes alone move', async () => {
    const modes: unknown[] = [];
    const { deploy, deployer, world, close } = await bed([
      plugin((host) =>
        host.before('claim', ({ mode, instance }) => void modes.push([mode, instance?.endpoints.length])),
      ),
    ]);
    await deploy({ tag: 'v1' });
    await deploy({ tag: 'v2' });
    await world.clock.until(deployer.rollBack({ project: 'shop', stage: 'dev' }));
    expect(modes.slice(0, 2)).toEqual([
      ['create', undefined],
      ['create', undefined],
    ]);
    expect(modes[2]).toEqual(['cutover', expect.any(Number)]);
    await close();
  });

  it('see no secret, and what they say of one is redacted', async () => {
    const seen: string[] = [];
    const secret = 'very-secret-value';
    const { deploy, deployer, world, close, log } = await bed(
      [
        plugin((host) => {
          host.before('create', ({ spec, log: say, emit }) => {
            seen.push(JSON.stringify(spec));
            say.info(`the token is ${secret}`, { token: secret });
            emit('leaky', { token: secret });
          });
          host.before('cutover', () => {
            throw new Error(`could not log in with ${secret}`);
          });
        }),
      ],
      {
        projects: {
          shop: {
            image: 'registry.test/shop',
            env: { TOKEN: secret, MODE: 'fast' },
            plainEnv: ['MODE'],
            healthcheck: { headers: { Authorization: 'another-secret' } },
            stages: { dev: { port: 3000 } },
          },
        },
      },
    );
    const error = await deploy();
    expect(error).toMatchObject({ kind: 'plugin-failed', message: expect.stringContaining('log in with ***') });
    const { env, health } = JSON.parse(seen[0] ?? '{}');
    expect(env).toEqual([{ name: 'MODE', value: 'fast' }, { name: 'TOKEN' }]);
    expect(health.headers).toEqual({ Authorization: '***' });
    const { id } = await newest({ deployer });
    expect((await log(id)).map(({ message }) => message)).toContain('own: the token is ***');
    expect(seen.join() + (await everythingIn(world.store.connect(), id))).not.toContain(secret);
    expect(seen.join()).not.toContain('another-secret');
    await close();
  });

  it('get a copy of the spec: what one changes of it changes nothing', async () => {
    const { deploy, world, close } = await bed([
      plugin((host) =>
        host.before('create', ({ spec }) => {
          (spec.container as { command: string[] | null }).command = ['rm', '-rf', '/'];
          (spec as { port: number }).port = 1;
        }),
      ),
    ]);
    expect(await deploy()).toMatchObject({ status: 'succeeded' });
    expect([...world.engine.containers.values()].map(({ spec }) => spec.command)).toEqual([null]);
    await close();
  });
});

describe('a hook that fails before the commit', () => {
  it.each(
    BEFORE_THE_COMMIT.flatMap((step) => (['before', 'after'] as const).map((side) => [side, step] as const)).filter(
      ([side, step]) => side !== 'after' || step !== 'commit',
    ),
  )('%s %s fails the deployment, which leaves nothing', async (side, step) => {
    const { deploy, world, close } = await bed([
      plugin((host) =>
        host[side](step, ({ tag }) => {
          if (tag === 'v2') throw new Error('not today');
        }),
      ),
    ]);
    expect(await deploy({ tag: 'v1' })).toMatchObject({ status: 'succeeded' });
    expect(await deploy({ tag: 'v2' })).toMatchObject({
      kind: 'plugin-failed',
      message: `Plugin "own" ${side} ${step} failed: not today`,
      step,
      deployment: { status: 'failed', cleanup: 'none' },
    });
    await world.clock.advance(60_000);
    expect(await brokenPromises(world)).toEqual([]);
    expect(world.proxy.request('stage-dev-shop.apps.test').status).toBe(200);
    expect([...world.engine.containers.values()].map(({ spec }) => spec.tag)).toEqual(['v1']);
    // The plugin has harmed that deployment alone.
    expect(await deploy({ tag: 'v3' })).toMatchObject({ status: 'succeeded' });
    await close();
  });

  it('may say so by a rejection, by a Result, and in words of its own', async () => {
    const refusal = failure('notify-failed', 'The door is shut.', 'Knock.', { code: 'shut', retryable: true });
    const answers: Record<string, () => unknown> = {
      v1: async () => Promise.reject(refusal),
      v2: () => err(refusal),
      v3: () => {
        throw new QuaysideError(refusal);
      },
    };
    const { deploy, close } = await bed([plugin((host) => host.before('cutover', ({ tag }) => answers[tag]?.()))]);
    for (const tag of Object.keys(answers))
      expect(await deploy({ tag })).toMatchObject({
        kind: 'plugin-failed',
        message: 'Plugin "own" before cutover failed: The door is shut.',
        hint: 'Knock.',
        code: 'shut',
        retryable: true,
      });
    await close();
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['an object without a prototype', Object.create(null)],
    [
      'what throws when it is looked at',
      {
        get message() {
          throw new Error('no');
        },
      },
    ],
    ['what cannot be written as text', { message: Object.create(null) }],
    ['an error whose cause cannot be', new Error('x', { cause: Object.create(null) })],
    ['an error with details that are no JSON', Object.assign(new Error('x'), { details: { big: 1n } })],
  ])('may throw %s: the deployment ends all the same', async (_what, thrown) => {
    const { deploy, world, close } = await bed([
      plugin((host) =>
        host.before('cutover', () => {
          throw thrown;
        }),
      ),
    ]);
    expect(await deploy()).toMatchObject({ kind: 'plugin-failed', deployment: { status: 'failed', cleanup: 'none' } });
    await close();
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('hangs no longer than its limit, 30 s where it has none, and what it says later is thrown away', async () => {
    let late = () => {};
    const { deploy, world, deployer, log, close } = await bed([
      plugin((host) => {
        host.before('create', async ({ stage, log: say, emit }) => {
          if (stage !== 'dev') return;
          late = () => {
            say.info('much later');
            emit('late');
          };
          await new Promise(() => {});
        });
        host.before(
          'health',
          async ({ stage, signal }) => {
            if (stage !== 'other') return;
            await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
          },
          { timeout: '2s' },
        );
      }),
    ]);
    const startMs = world.clock.monotonicMs();
    expect(await deploy()).toMatchObject({ kind: 'timeout', message: expect.stringContaining('limit of 30000 ms') });
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(40_000);
    late();
    const { id } = await newest({ deployer });
    expect(JSON.stringify(await log(id))).not.toContain('much later');
    expect(await deploy({ stage: 'other' })).toMatchObject({
      kind: 'timeout',
      message: 'Plugin "own" before health took longer than its limit of 2000 ms.',
      hint: expect.stringContaining('`timeout`'),
    });
    await close();
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('is aborted by a cancel, and the deployment is cancelled', async () => {
    let reason: unknown;
    const { world, deployer, close } = await bed([
      plugin((host) =>
        host.before('health', async ({ signal, sleep }) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
          });
          await sleep(20_000);
        }),
      ),
    ]);
    const deployment = deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' });
    await world.clock.advance(5_000);
    const { id } = await newest({ deployer });
    await world.clock.until(deployer.cancel(id));
    const ended = await world.clock.until(deployment);
    expect(ended._unsafeUnwrapErr()).toMatchObject({ kind: 'cancelled', deployment: { status: 'cancelled' } });
    expect(reason).toBeDefined();
    await close();
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('harms no other deployment that runs at the same time', async () => {
    const { world, deployer, close } = await bed([
      plugin((host) =>
        host.before('create', async ({ stage }) => {
          if (stage === 'dev') await new Promise(() => {});
        }),
      ),
    ]);
    const hanging = deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' });
    const other = await world.clock.until(deployer.deploy({ project: 'shop', stage: 'other', tag: 'v1' }), 5_000);
    expect(other._unsafeUnwrap().status).toBe('succeeded');
    expect((await world.clock.until(hanging))._unsafeUnwrapErr().kind).toBe('timeout');
    await close();
  });
});

describe('a hook after the commit', () => {
  it('that fails is told in the log and as an event, and nothing more', async () => {
    const failed: DeployerEvents['plugin.failed'][] = [];
    const { deploy, deployer, world, log, close } = await bed([
      plugin((host) => {
        host.after('commit', ({ log: say }) => {
          say.warn('something is wrong');
          throw new Error('the chat is down');
        });
        host.after('commit', ({ log: say, emit, instance }) => {
          say.info(`${instance?.container} lives`);
          emit('told', { by: 'pigeon' });
        });
      }),
    ]);
    deployer.on('plugin.failed', (payload) => void failed.push(payload));
    const deployment = await deploy();
    expect(deployment).toMatchObject({ status: 'succeeded', cleanup: 'none' });
    await world.clock.advance(1_000);
    const { id } = await newest({ deployer });
    expect(failed).toMatchObject([
      { plugin: 'own', at: 'after commit', deploymentId: id, error: { kind: 'plugin-failed' } },
    ]);
    const entries = await log(id);
    expect(entries.slice(-3).map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'own: something is wrong'],
      ['error', expect.stringContaining('Plugin "own" after commit failed: the chat is down')],
      ['info', expect.stringMatching(/^own: shop-dev-v1-.* lives$/)],
    ]);
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
    expect((await newest({ deployer })).status).toBe('succeeded');
    await close();
    expect(await brokenPromises(world)).toEqual([]);
    expect(await everythingIn(world.store.connect(), id)).toContain('"type":"plugin.event"');
  });

  it('is not waited for by the result, and by a close no longer than that may take', async () => {
    let aborted = false;
    const { deploy, deployer, world } = await bed([
      plugin((host) =>
        host.after(
          'commit',
          ({ signal }) =>
            new Promise(() => {
              signal.addEventListener('abort', () => {
                aborted = true;
              });
            }),
          { timeout: '10m' },
        ),
      ),
    ]);
    const startMs = world.clock.monotonicMs();
    expect(await deploy()).toMatchObject({ status: 'succeeded' });
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(10_000);
    await world.clock.until(deployer.close({ timeoutMs: 5_000 }));
    expect(aborted).toBe(true);
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(20_000);
    expect(world.clock.pending).toBe(0);
  });
});
