/** No secret in anything that leaves a deployment or is kept of it, with a key and without one. */
import { errAsync, type ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { type AnyError, failure, unwrap } from '../domain/errors.js';
import { type MemoryWorld, memoryNotifier, memorySealer, memoryWorld } from '../testing/index.js';
import { DEV, deployerIn, everythingIn, IMAGE, push, settled } from './testbed.js';
import type { Deployer, DeployerOptions } from './types.js';

const SECRET = 'correct-horse/battery+staple';
const FORMS = [SECRET, btoa(SECRET).replace(/=+$/, ''), encodeURIComponent(SECRET)];

const projectsOf = (env: Record<string, string>) => ({
  shop: {
    image: IMAGE,
    stages: { dev: { port: 3000, maxInstances: 1, env: { MODE: 'production', ...env }, plainEnv: ['MODE'] } },
  },
});
const envOf = (world: MemoryWorld) => [...world.engine.containers.values()].map(({ spec }) => spec.env);

async function everythingOf(world: MemoryWorld, deployer: Deployer): Promise<string> {
  const { items } = await unwrap(deployer.deployments.list());
  return everythingIn(world.store.connect(), ...items.map(({ id }) => id));
}

describe.each([
  ['with a key', { sealer: memorySealer() }],
  ['without a key', {}],
] as const)('%s', (_name, keys: Partial<DeployerOptions>) => {
  it('the store, the log, events, errors and notifications are free of it', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    world.engine.push(`${IMAGE}:bad`, {
      status: 500,
      body: `boom ${SECRET}`,
      lines: [`connect postgres://app:${encodeURIComponent(SECRET)}@db`],
    });
    const notifier = memoryNotifier('all', ['deployment.succeeded', 'deployment.failed', 'deployment.step']);
    const projects = projectsOf({ PASSWORD: SECRET });
    const deployer = await deployerIn(world, { ...keys, projects, notifiers: [notifier] });
    const heard: unknown[] = [];
    for (const name of ['deployment.log', 'deployment.failed', 'deployment.rolling-back', 'deployment.step'] as const)
      deployer.on(name, (payload) => heard.push(payload));
    await settled(world, deployer, 'v1');
    expect(envOf(world)).toEqual([{ MODE: 'production', PASSWORD: SECRET }]);
    const failed = await world.clock.until(deployer.deploy({ ...DEV, tag: 'bad' }));
    await world.clock.advance(60_000);
    const { cause: _cause, ...error } = failed._unsafeUnwrapErr();
    const text = JSON.stringify([await everythingOf(world, deployer), error, heard, notifier.received]);
    for (const form of FORMS) expect(text).not.toContain(form);
    expect(text).toContain('***');
    expect(text).toContain('production');
    await world.clock.until(deployer.close());
  });

  it('an engine that repeats it in its error is not believed to be safe', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const message = `invalid environment "PASSWORD=${SECRET}"`;
    const runtime = {
      ...world.runtime,
      create: () =>
        errAsync({ kind: 'engine-refused' as const, message, hint: `Look at ${SECRET}.`, retryable: false }),
    };
    const deployer = await deployerIn(world, { ...keys, runtime, projects: projectsOf({ PASSWORD: SECRET }) });
    const failed = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }));
    const error = failed._unsafeUnwrapErr();
    expect(error.message).toBe('invalid environment "PASSWORD=***"');
    expect(JSON.stringify([error, await everythingOf(world, deployer)])).not.toContain(SECRET);
    await world.clock.until(deployer.close());
  });
});

describe('a roll back that has to create a container', () => {
  async function gone(keys: Partial<DeployerOptions>, today: Record<string, string>) {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    let env: Record<string, string> = { PASSWORD: SECRET, MORE: 'of yesterday' };
    const deployer = await deployerIn(world, { ...keys, projects: () => projectsOf(env).shop });
    await settled(world, deployer, 'v1');
    await settled(world, deployer, 'v2');
    env = today;
    const answer = await world.clock.until(deployer.rollBack(DEV));
    const log: string[] = [];
    const id = answer.isOk() ? answer.value.id : answer.error.deployment?.id;
    if (id) for await (const { message } of deployer.logs(id)) log.push(message);
    await world.clock.advance(60_000);
    await world.clock.until(deployer.close());
    return { world, answer, log: log.join('\n') };
  }

  it('has its values as they were, with the key', async () => {
    const { world, answer } = await gone({ sealer: memorySealer() }, { PASSWORD: 'of today' });
    expect(answer._unsafeUnwrap()).toMatchObject({ tag: 'v1', status: 'succeeded' });
    expect(envOf(world)).toEqual([{ MODE: 'production', MORE: 'of yesterday', PASSWORD: SECRET }]);
  });

  it('takes them from today’s configuration without one, and says so', async () => {
    const { world, answer, log } = await gone({}, { PASSWORD: 'of today', MORE: 'as well' });
    expect(answer._unsafeUnwrap()).toMatchObject({ tag: 'v1', status: 'succeeded' });
    expect(envOf(world)).toEqual([{ MODE: 'production', MORE: 'as well', PASSWORD: 'of today' }]);
    expect(log).toContain("from today's configuration: MORE, PASSWORD");
  });

  it('is refused where today’s configuration has not all of them', async () => {
    const { world, answer } = await gone({}, { PASSWORD: 'of today' });
    const error = answer._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'secret-not-kept', deployment: { status: 'failed' } });
    expect(error.message).toContain('MORE');
    expect(world.engine.containers.size).toBe(1);
  });

  it('needs its environment even where its instance ends at the last moment', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    let looks = 0;
    let isArmed = false;
    const runtime: typeof world.runtime = {
      ...world.runtime,
      inspect(name, options) {
        // It runs at the first look, and is gone at the second.
        if (isArmed && name.startsWith('shop-dev-v1') && ++looks === 2) world.engine.containers.delete(name);
        return world.runtime.inspect(name, options);
      },
    };
    const deployer = await deployerIn(world, {
      runtime,
      sealer: memorySealer(),
      projects: { shop: { image: IMAGE, stages: { dev: { port: 3000, env: { PASSWORD: SECRET } } } } },
    });
    await settled(world, deployer, 'v1');
    await settled(world, deployer, 'v2');
    isArmed = true;
    const back = await world.clock.until(unwrap(deployer.rollBack(DEV)));
    const made = [...world.engine.containers.values()].find(({ spec }) => spec.owner.deployment === back.id);
    expect(made?.spec.env).toEqual({ PASSWORD: SECRET });
    await world.clock.advance(60_000);
    await world.clock.until(deployer.close());
  });
});

describe('overrides of a request', () => {
  it('are sealed until they are used, and make it another deployment', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const deployer = await deployerIn(world, { sealer: memorySealer(), projects: projectsOf({ PASSWORD: 'usual' }) });
    await settled(world, deployer, 'v1');
    const request = { ...DEV, tag: 'v1', env: { PASSWORD: SECRET } };
    expect(await world.clock.until(unwrap(deployer.plan(request)))).toMatchObject({ action: 'replace' });
    const first = await world.clock.until(unwrap(deployer.deploy(request)));
    expect(first.status).toBe('succeeded');
    await world.clock.advance(60_000);
    expect(envOf(world)).toEqual([{ MODE: 'production', PASSWORD: SECRET }]);
    expect(await world.clock.until(unwrap(deployer.plan(request)))).toMatchObject({ action: 'unchanged' });
    expect(await world.clock.until(unwrap(deployer.deploy(request)))).toMatchObject({ status: 'unchanged' });
    expect(await everythingOf(world, deployer)).not.toContain(SECRET);
    await world.clock.until(deployer.close());
  });
});

it('a value of the environment that changes makes it another deployment, key or not', async () => {
  for (const keys of [{ sealer: memorySealer() }, {}]) {
    const world = memoryWorld();
    push(world, 'v1');
    let env = { PASSWORD: 'one' };
    const deployer = await deployerIn(world, { ...keys, projects: () => projectsOf(env).shop });
    await settled(world, deployer, 'v1');
    env = { PASSWORD: 'two' };
    expect(await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: 'v1' })))).toMatchObject({
      status: 'succeeded',
    });
    await world.clock.until(deployer.close());
  }
});

it('a store that repeats what it was given is not believed in any list', async () => {
  const world = memoryWorld();
  const store = {
    ...world.store,
    secrets: () => [SECRET],
    list: () => errAsync(failure('store-unavailable', `connect postgres://app:${SECRET}@db`, `Look at ${SECRET}.`)),
  } as unknown as DeployerOptions['store'];
  const deployer = await deployerIn(world, { store, recover: 'manual' });
  const { deployments, instances, routes, audit } = deployer;
  for (const list of [deployments.list, instances.list, routes.list, audit.list] as (() => ResultAsync<
    unknown,
    AnyError
  >)[]) {
    const { message, hint } = (await world.clock.until(list()))._unsafeUnwrapErr();
    expect([message, hint]).toEqual(['connect postgres://app:***@db', 'Look at ***.']);
  }
  await world.clock.until(deployer.close());
});
