/**
 * Every method of every port hangs for good, and does not listen to its signal either: whatever a deployment was about, it ends within
 * its bounds, says which limit it met, and once the port answers again everything is as it should be.
 */
import { ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import type { StageOptions } from '../config/options.js';
import { type MemoryWorld, memoryNotifier, memorySealer } from '../testing/index.js';
import { brokenPromises, DEV, deployerIn, IMAGE, push, quickWorld, settled } from './testbed.js';
import type { DeployerOptions } from './types.js';

const PORTS = ['runtime', 'proxy', 'registry', 'probe', 'store', 'sealer', 'notifier'] as const;
type Hanging = `${(typeof PORTS)[number]}.${string}`;

/** Of the answers that do not come: one that is waited for, or read line by line. */
const never = (isStream: boolean) =>
  isStream
    ? { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }
    : new ResultAsync<never, never>(new Promise(() => {}));
const STREAMS: readonly string[] = ['logs', 'watch', 'exec', 'runToEnd'];

/** The world's ports; once armed, one method of one of them never answers again. */
function hangable(world: MemoryWorld) {
  let armed: Hanging | undefined;
  const called = new Map<string, number>();
  let isCounting = false;
  const wrap = <P extends object>(name: (typeof PORTS)[number], port: P): P =>
    new Proxy(port, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        const key = `${name}.${String(property)}`;
        if (typeof value !== 'function' || /parseOptions|subscribe|attach/.test(key)) return value;
        return (...args: unknown[]) => {
          if (isCounting) called.set(key, (called.get(key) ?? 0) + 1);
          if (armed === key) return never(STREAMS.includes(String(property)));
          return Reflect.apply(value, target, args);
        };
      },
    });
  const ports = {
    runtime: wrap('runtime', world.runtime),
    proxy: wrap('proxy', world.proxy),
    registry: wrap('registry', world.registry),
    probe: wrap('probe', world.probe),
    store: wrap('store', world.store),
    sealer: wrap('sealer', memorySealer()),
    notifiers: [wrap('notifier', memoryNotifier())],
  };
  return {
    ports,
    called,
    arm(key: Hanging | undefined) {
      isCounting = key === undefined;
      armed = key;
    },
  };
}

const STAGE: StageOptions = {
  port: 3000,
  domains: ['shop.example.com'],
  networks: ['apps', 'more'],
  env: { TOKEN: 'hunter2-secret' },
  maxInstances: 2,
  pullTimeout: '1m',
};

const SCENES: { readonly [name: string]: { readonly stage: StageOptions; readonly tag: string } } = {
  'a new tag': { stage: STAGE, tag: 'v2' },
  'a tag that fails': { stage: STAGE, tag: 'silent' },
  'stop-first': { stage: { ...STAGE, replace: 'stop-first', maxInstances: 1 }, tag: 'silent' },
};

/** Of all of it the longest: the pull's minute, what is waited for a callee that does not let go, and for what may still come of it. */
const BOUND_MS = 64_000;
/** The same, where the pull is cut short, and a rollback comes on top. */
const CLOSE_BOUND_MS = 60_000;

function open(world: MemoryWorld, scene: string) {
  push(world, 'v1', 'v2', 'v9');
  world.engine.push(`${IMAGE}:silent`, { listensAfterMs: null });
  const hang = hangable(world);
  const { stage, tag } = SCENES[scene] as (typeof SCENES)[string];
  const options = { ...hang.ports, projects: { shop: { image: IMAGE, stages: { dev: stage } } } };
  return { ...hang, tag, options: options as Partial<DeployerOptions> };
}

/** The port answers again: what the next deployment and the promises say. */
async function healed(world: MemoryWorld, options: Partial<DeployerOptions>): Promise<string[]> {
  const deployer = await deployerIn(world, { ...options, store: world.store.connect() });
  const next = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v9' }), 3_600_000);
  await world.clock.advance(120_000);
  // What was only queued is nobody's without a worker: it does no harm, and is told apart here.
  const broken = (await brokenPromises(world)).filter((each) => !each.endsWith('is queued'));
  await world.clock.until(deployer.close());
  return next.isErr() ? [`the next deployment: ${next.error.message}`, ...broken] : broken;
}

async function run(scene: string, hanging: Hanging | undefined) {
  const world = quickWorld();
  const { clock } = world;
  const { arm, called, options, tag } = open(world, scene);
  const deployer = await deployerIn(world, options);
  await settled(world, deployer, 'v1');
  arm(hanging);
  const startMs = clock.monotonicMs();
  const answer = await clock.until(deployer.deploy({ ...DEV, tag }), 3_600_000);
  const tookMs = clock.monotonicMs() - startMs;
  arm(undefined);
  await clock.until(deployer.close(), 3_600_000);
  const broken = clock.pending > 0 ? [`${clock.pending} timers after close()`] : [];
  if (tookMs > BOUND_MS) broken.push(`it took ${tookMs} ms`);
  if (answer.isErr()) {
    const { kind, hint, step } = answer.error;
    if (kind === 'timeout' && !/raise `\w+`/.test(hint)) broken.push(`the hint names no setting: ${hint}`);
    if (kind === 'timeout' && STEP_OF[hanging ?? ''] !== step) broken.push(`it says that step ${step} took too long`);
  }
  broken.push(...(await healed(world, options)));
  return { answer, broken, called: [...called.keys()] as Hanging[] };
}

/** Where a call that never answers is met first, with an image that is new: before the steps there is none to name. */
const STEP_OF: { readonly [hanging: string]: string } = {
  'runtime.pull': 'pull',
  'runtime.stop': 'stop-previous',
  'runtime.create': 'create',
  'runtime.start': 'start',
  'runtime.connect': 'connect',
  'runtime.inspect': 'route',
  'proxy.put': 'route',
  'proxy.prove': 'cutover',
};

describe.each(Object.keys(SCENES))('%s', (scene) => {
  it('ends within its bounds, whatever never answers', { timeout: 120_000 }, async () => {
    const undisturbed = await run(scene, undefined);
    expect(undisturbed.broken).toEqual([]);
    const found: string[] = [];
    for (const hanging of undisturbed.called) {
      const { broken } = await run(scene, hanging).catch((thrown: unknown) => ({ broken: [`stuck: ${thrown}`] }));
      if (broken.length > 0) found.push(`${hanging}: ${broken.join(' | ')}`);
    }
    expect(undisturbed.called.length).toBeGreaterThan(15);
    expect(found).toEqual([]);
  });
});

it('is over soon after close(), whatever never answers', { timeout: 120_000 }, async () => {
  const found: string[] = [];
  for (const hanging of (await run('a new tag', undefined)).called) {
    const world = quickWorld();
    const { clock } = world;
    const { arm, options, tag } = open(world, 'a new tag');
    const deployer = await deployerIn(world, options);
    await settled(world, deployer, 'v1');
    arm(hanging);
    void deployer.deploy({ ...DEV, tag });
    await clock.advance(5_000);
    const startMs = clock.monotonicMs();
    await clock.until(deployer.close({ timeoutMs: 1_000 }), 3_600_000);
    const tookMs = clock.monotonicMs() - startMs;
    if (tookMs > CLOSE_BOUND_MS) found.push(`${hanging}: close() took ${tookMs} ms`);
    // A request that was being stored when it closed is told so, and is not waited for.
    await clock.advance(5_000);
    if (clock.pending > 0) found.push(`${hanging}: ${clock.pending} timers after close()`);
    arm(undefined);
    for (const broken of await healed(world, options)) found.push(`${hanging}: ${broken}`);
  }
  expect(found).toEqual([]);
});

describe('the whole', () => {
  const limited = async (stage: StageOptions, more: Partial<DeployerOptions> = {}) => {
    const world = quickWorld();
    world.engine.push(`${IMAGE}:silent`, { listensAfterMs: null });
    const projects = { shop: { image: IMAGE, stages: { dev: { port: 3000, ...stage } } } };
    const deployer = await deployerIn(world, { projects, ...more });
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'silent' }));
    const tookMs = world.clock.monotonicMs();
    await world.clock.until(deployer.close());
    expect(world.engine.containers.size).toBe(0);
    return { error: answer._unsafeUnwrapErr(), tookMs };
  };

  it('has a limit of its own, and says which step it ended', async () => {
    const { error, tookMs } = await limited({ deployTimeout: '7s' });
    expect(error).toMatchObject({ kind: 'timeout', step: 'health', deployment: { status: 'failed' } });
    expect(error.hint).toContain('`deployTimeout`');
    expect(tookMs).toBeLessThan(8_000);
  });

  it('covers what comes before the first step', async () => {
    const env = () => new Promise<never>(() => {});
    const { error, tookMs } = await limited({ env }, { settings: { domain: 'apps.test', deployTimeout: '7s' } });
    expect(error).toMatchObject({ kind: 'timeout', deployment: { status: 'failed' } });
    expect(error.hint).toContain('`deployTimeout`');
    expect(tookMs).toBeLessThanOrEqual(8_000);
  });
});
