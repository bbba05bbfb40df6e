/** A progressive cutover: which shares the new instance gets and for how long, what ends it, and that nothing of it stays. */
import { okAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { createDeployer } from '../deployer/create.js';
import { another } from '../deployer/several-hosts.js';
import { brokenPromises, DEFAULT, DEV, deployerIn, IMAGE, mortalWorld, push, settled } from '../deployer/testbed.js';
import type { Deployer, DeployerOptions } from '../deployer/types.js';
import { unwrap } from '../domain/errors.js';
import type { TargetStatistics } from '../ports/proxy-manager.js';
import { type MemoryWorld, memoryProxy, memoryWorld, outage, withFaults } from '../testing/index.js';

const STEPS = [
  { weight: 10, holdMs: '20s' },
  { weight: 50, holdMs: 30_000 },
] as const;
const ABORT_ON = { errorRate: 0.02, p99Ms: 500, minRequests: 100 } as const;

interface Put {
  readonly atMs: number;
  readonly domain: string;
  readonly shares: readonly (readonly [tag: string, weight: number | undefined])[];
  readonly sticky: boolean;
}

/** A world whose proxy weighs, with a deployer whose stage has steps, and what the default route was put to since v1 is live. */
async function progressive(
  options: {
    readonly cutover?: object;
    readonly statistics?: (instance: string) => TargetStatistics;
    readonly ports?: (world: MemoryWorld, ports: Partial<DeployerOptions>) => Partial<DeployerOptions>;
    readonly stage?: object;
    readonly settings?: object;
  } = {},
) {
  const plain = memoryWorld();
  const { engine } = plain;
  // By address, as proxies on the engine's machine have it: that changes when a container starts again.
  const reaches = [{ kind: 'address', node: engine.node }] as const;
  const capabilities = { weights: true, sticky: true };
  const world: MemoryWorld = { ...plain, proxy: memoryProxy(engine, { reaches, capabilities }) };
  push(world, 'v1', 'v2');
  const puts: Put[] = [];
  const tagOf = (instance: string) =>
    [...world.engine.containers.values()].find(({ spec }) => spec.owner.deployment === instance)?.spec.tag ?? instance;
  const { put } = world.proxy;
  const proxy: MemoryWorld['proxy'] = Object.assign(world.proxy, {
    put(...args: Parameters<typeof put>) {
      const [{ domain, sticky = false, targets }] = args;
      const shares = targets.map(({ instance, weight }) => [tagOf(instance), weight] as const);
      if (domain === DEFAULT) puts.push({ atMs: world.clock.monotonicMs(), domain, shares, sticky });
      return put.apply(world.proxy, args);
    },
    ...(options.statistics
      ? { statistics: (instance: string) => okAsync(options.statistics?.(instance) as TargetStatistics) }
      : {}),
  });
  const stage = { port: 3000, cutover: { steps: STEPS, ...options.cutover }, ...options.stage };
  const settings = { domain: 'apps.test', ...options.settings };
  const given: Partial<DeployerOptions> = {
    proxy,
    settings,
    projects: { shop: { image: IMAGE, stages: { dev: stage } } },
  };
  const ports = { ...given, ...options.ports?.(world, given) };
  const deployer = await deployerIn(world, ports);
  await settled(world, deployer, 'v1');
  const first = puts.splice(0);
  const endContainer = (tag: string) => {
    for (const { spec } of [...world.engine.containers.values()]) if (spec.tag === tag) world.engine.kill(spec.name);
  };
  return { world, deployer, puts, first, ports, tagOf, endContainer };
}

/** What the default route gives of so many requests. */
function served({ world, tagOf }: Awaited<ReturnType<typeof progressive>>, count = 100): Record<string, number> {
  const by: Record<string, number> = {};
  for (let number = 0; number < count; number += 1) {
    const { instance, status } = world.proxy.request(DEFAULT);
    const who = instance === null ? String(status) : tagOf(instance);
    by[who] = (by[who] ?? 0) + 1;
  }
  return by;
}

async function ended(world: MemoryWorld, ...deployers: readonly Deployer[]): Promise<void> {
  await world.clock.advance(120_000);
  for (const deployer of deployers) await world.clock.until(deployer.close());
  expect(world.clock.pending).toBe(0);
  expect(await brokenPromises(world)).toEqual([]);
}

const answered = (requests: number, errors: number, slow = 0): TargetStatistics => ({
  requests,
  errors,
  latencies: [
    { upToMs: 100, count: requests - slow },
    { upToMs: 1_000, count: slow },
    { upToMs: Number.POSITIVE_INFINITY, count: 0 },
  ],
});

describe('shares', () => {
  it('are given one after the other, each for as long as it is held, and visitors stay where they were meanwhile', async () => {
    const all = await progressive();
    const { world, deployer, first, puts } = all;
    // There is nobody to share with.
    expect(first.map(({ shares }) => shares)).toEqual([[['v1', undefined]]]);
    const running = deployer.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(10_000);
    expect(served(all)).toEqual({ v1: 90, v2: 10 });
    await world.clock.advance(20_000);
    expect(served(all)).toEqual({ v1: 50, v2: 50 });
    expect((await world.clock.until(running)).isOk()).toBe(true);
    expect(served(all)).toEqual({ v2: 100 });
    expect(puts.map(({ shares, sticky }) => ({ shares, sticky }))).toEqual([
      {
        shares: [
          ['v1', 90],
          ['v2', 10],
        ],
        sticky: true,
      },
      {
        shares: [
          ['v1', 50],
          ['v2', 50],
        ],
        sticky: true,
      },
      { shares: [['v2', undefined]], sticky: false },
    ]);
    const [one = 0, two = 0, three = 0] = puts.map(({ atMs }) => atMs);
    expect([two - one, three - two]).toEqual([20_000, 30_000]);
    await ended(world, deployer);
  });

  it('are told beforehand by the plan, and as they go on by events', async () => {
    let requests = 0;
    const all = await progressive({
      cutover: { steps: [{ weight: 10, holdMs: '10s' }], abortOn: { ...ABORT_ON, windowMs: '5s' } },
      statistics: () => answered(requests, 0),
    });
    const { world, deployer } = all;
    const plan = await unwrap(deployer.plan({ ...DEV, tag: 'v2' }));
    expect(plan.shares).toEqual([{ weight: 10, holdMs: 10_000 }]);
    expect((await unwrap(deployer.plan({ ...DEV, tag: 'v1' }))).shares).toEqual([]);
    const told: unknown[] = [];
    deployer.on('deployment.cutover', ({ deploymentId: _id, ...event }) => told.push(event));
    const running = deployer.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(1_000);
    requests = 60;
    const until = world.clock.now() + 10_000;
    await world.clock.advance(5_000);
    requests = 160;
    expect((await world.clock.until(running)).isOk()).toBe(true);
    const share = { step: 1, steps: 1, weight: 10, until: expect.closeTo(until, -4) };
    expect(told).toEqual([
      { ...share, measured: null },
      { ...share, measured: expect.objectContaining({ requests: 60 }) },
      { ...share, measured: expect.objectContaining({ requests: 160 }) },
    ]);
    await ended(world, deployer);
  });

  it('have no part in a roll back: who rolls back wants to be rid of all of what serves', async () => {
    const all = await progressive();
    const { world, deployer, puts } = all;
    await settled(world, deployer, 'v2');
    puts.splice(0);
    const from = world.clock.monotonicMs();
    expect((await world.clock.until(deployer.rollBack(DEV))).isOk()).toBe(true);
    expect(world.clock.monotonicMs() - from).toBeLessThan(5_000);
    expect(puts.map(({ shares }) => shares)).toEqual([[['v1', undefined]]]);
    await ended(world, deployer);
  });

  it('are none of a stage that says so, although the settings have them', async () => {
    const all = await progressive({ cutover: { steps: [] }, settings: { cutover: { steps: STEPS } } });
    const { world, deployer, puts } = all;
    expect((await world.clock.until(deployer.deploy({ ...DEV, tag: 'v2' }))).isOk()).toBe(true);
    expect(puts.map(({ shares }) => shares.length)).toEqual([1]);
    const plan = await unwrap(deployer.plan({ ...DEV, tag: 'v1' }));
    expect(plan.shares).toEqual([]);
    await ended(world, deployer);
    const one = memoryWorld();
    Object.assign(one.proxy.capabilities, { weights: true });
    const { engine: _engine, ...ports } = one;
    const settings = { domain: 'apps.test', cutover: { steps: STEPS } };
    const stages = { job: { oneShot: true, cutover: { steps: [] } } };
    const created = await createDeployer({ ...ports, settings, projects: { shop: { image: IMAGE, stages } } });
    expect(created.isOk()).toBe(true);
    await one.clock.until(created._unsafeUnwrap().close());
  });

  it('that are left at the proxy are no `unchanged` deployment of the instance before', async () => {
    const all = await progressive();
    const { world, deployer, puts } = all;
    const [target] = world.proxy.routes.get(DEFAULT)?.targets ?? [];
    const { mark } = world.proxy.routes.get(DEFAULT) ?? {};
    const stranger = { instance: 'somebody', host: '10.9.9.9', port: 80, weight: 10 };
    if (!target || !mark) throw new Error('not routed');
    world.proxy.disturb(DEFAULT, { domain: DEFAULT, mark, targets: [target, stranger] });
    expect(await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: 'v1' })))).toMatchObject({
      status: 'succeeded',
    });
    expect(puts.at(-1)?.shares).toEqual([['v1', undefined]]);
    expect(world.proxy.routes.get(DEFAULT)?.targets).toHaveLength(1);
    await ended(world, deployer);
  });

  it('are none of a proxy that cannot weigh, of a stage without a port, of one that stops first, or that outlast the deployment: refused when configured', async () => {
    const refused = async (stage: object, change: (world: MemoryWorld) => object = () => ({})) => {
      const world = memoryWorld();
      const { engine: _engine, ...ports } = world;
      const settings = { domain: 'apps.test' };
      const projects = { shop: { image: IMAGE, stages: { dev: { port: 3000, ...stage } } } };
      const created = await createDeployer({ ...ports, settings, projects, ...change(world) } as DeployerOptions);
      return created._unsafeUnwrapErr().message;
    };
    const weighs = (world: MemoryWorld) => {
      Object.assign(world.proxy.capabilities, { weights: true });
      return {};
    };
    const cutover = { steps: STEPS };
    expect(await refused({ cutover })).toMatch(/projects\.shop\.stages\.dev\.cutover.*can weigh/);
    expect(await refused({ cutover, port: undefined }, weighs)).toMatch(/dev\.cutover.*without a port/);
    expect(await refused({ cutover, replace: 'stop-first' }, weighs)).toMatch(/dev\.cutover.*stop-first/);
    expect(await refused({ cutover, deployTimeout: '40s' }, weighs)).toMatch(/dev\.cutover\.steps.*deployTimeout/);
    const blind = (world: MemoryWorld) => {
      weighs(world);
      return { proxy: Object.create(world.proxy, { statistics: { value: undefined } }) };
    };
    expect(await refused({ cutover: { ...cutover, abortOn: ABORT_ON } }, blind)).toMatch(/cutover\.abortOn.*counts/);
    expect(await refused({ cutover: { steps: [STEPS[1], STEPS[0]] } }, weighs)).toMatch(/cutover\.steps.*grow/);
    expect(await refused({ cutover: { ...cutover, abortOn: { minRequests: 3 } } }, weighs)).toMatch(/errorRate/);
    expect(await refused({ cutover: { steps: [{ weight: 10, holdMs: 0 }] } }, weighs)).toMatch(/holdMs.*more than 0/);
    expect(await refused({ cutover: { steps: [], abortOn: ABORT_ON } }, weighs)).toMatch(/cutover\.steps.*abortOn/);
    const single = (world: MemoryWorld) => {
      Object.assign(world.proxy.capabilities, { weights: true, maxTargets: 1 });
      return {};
    };
    expect(await refused({ cutover }, single)).toMatch(/dev\.cutover.*can weigh/);
  });
});

describe('a new instance that does worse than was agreed', () => {
  it.each([
    ['answers with errors', { errors: 5, slow: 0 }, /5 of 200 answers were errors/, { errorRate: 0.025 }],
    ['is too slow', { errors: 0, slow: 4 }, /took \d+ ms and more/, { p99Ms: 550 }],
  ] as const)('which %s is taken back within two looks', async (_what, { errors, slow }, message, details) => {
    let isBad = false;
    const all = await progressive({
      cutover: { abortOn: ABORT_ON },
      statistics: () => (isBad ? answered(400, errors, slow) : answered(200, 0)),
    });
    const { world, deployer, puts } = all;
    const before = world.proxy.request(DEFAULT).instance;
    const running = deployer.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(7_000);
    isBad = true;
    const badMs = world.clock.monotonicMs();
    const error = (await world.clock.until(running))._unsafeUnwrapErr();
    expect(world.clock.monotonicMs() - badMs).toBeLessThanOrEqual(10_000);
    expect(error).toMatchObject({ kind: 'cutover-aborted', step: 'cutover', deployment: { status: 'failed' } });
    expect(error.message).toMatch(message);
    expect(error.details).toMatchObject({ weight: 10, requests: 200, ...details });
    expect(puts.at(-1)?.shares).toEqual([['v1', undefined]]);
    expect(world.proxy.request(DEFAULT).instance).toBe(before);
    await ended(world, deployer);
  });

  it('is judged only once there is enough to judge by, of all that came since', async () => {
    let requests = 0;
    const all = await progressive({
      cutover: { abortOn: { errorRate: 0.5, minRequests: 100 } },
      // All of them fail, and few come.
      statistics: () => answered(requests, requests),
    });
    const { world, deployer } = all;
    const running = deployer.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(1);
    for (let look = 0; look < 7; look += 1) {
      requests += 14;
      await world.clock.advance(5_000);
    }
    expect(world.proxy.routes.get(DEFAULT)?.targets).toHaveLength(2);
    requests += 14;
    expect((await world.clock.until(running))._unsafeUnwrapErr()).toMatchObject({
      kind: 'cutover-aborted',
      details: { requests: 112 },
    });
    await ended(world, deployer);
  });

  it('is taken back where its answers cannot be counted twice in a row, and not where once', async () => {
    const counting = (failures: readonly number[]) => {
      let reads = 0;
      return progressive({
        cutover: { abortOn: ABORT_ON },
        ports: (world, { proxy }) => ({
          proxy: withFaults(proxy as MemoryWorld['proxy'], {
            clock: world.clock,
            error: outage.proxy,
            plan: ({ method }) =>
              method === 'statistics' && failures.includes(++reads) ? { kind: 'fail-before' } : undefined,
          }).port,
        }),
      });
    };
    const once = await counting([2, 4]);
    expect((await once.world.clock.until(once.deployer.deploy({ ...DEV, tag: 'v2' }))).isOk()).toBe(true);
    await ended(once.world, once.deployer);
    const twice = await counting([2, 3]);
    const error = (await twice.world.clock.until(twice.deployer.deploy({ ...DEV, tag: 'v2' })))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'proxy-unreachable', step: 'cutover' });
    expect(served(twice)).toEqual({ v1: 100 });
    await ended(twice.world, twice.deployer);
  });
});

describe('amid its shares', () => {
  it('a new instance that ends is taken back', async () => {
    const all = await progressive({ stage: { restart: 'no' } });
    const { world, deployer, endContainer } = all;
    const running = deployer.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(8_000);
    endContainer('v2');
    const error = (await world.clock.until(running))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'unhealthy', code: 'exited', step: 'cutover' });
    expect(served(all)).toEqual({ v1: 100 });
    await ended(world, deployer);
  });

  it('an instance before that ends makes way for the new one at the next look, however long its share was to be held', async () => {
    const all = await progressive({ stage: { restart: 'no' } });
    const { world, deployer, puts, endContainer } = all;
    const running = deployer.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(8_000);
    const endedMs = world.clock.monotonicMs();
    endContainer('v1');
    expect((await world.clock.until(running)).isOk()).toBe(true);
    expect(puts.map(({ shares }) => shares.length)).toEqual([2, 1]);
    expect((puts[1]?.atMs ?? Number.POSITIVE_INFINITY) - endedMs).toBeLessThanOrEqual(5_000);
    expect(served(all)).toEqual({ v2: 100 });
    await world.clock.advance(60_000);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });

  it('an instance before that comes back under another address is led to there, with the share that it has', async () => {
    const all = await progressive();
    const { world, deployer, puts, endContainer } = all;
    // Who watches heals the other routes, and leaves those that move to whoever moves them.
    await unwrap(deployer.watch());
    const running = deployer.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(8_000);
    endContainer('v1');
    await world.clock.advance(1_000);
    expect(served(all)).toEqual({ 502: 90, v2: 10 });
    await world.clock.advance(4_000);
    expect(served(all)).toEqual({ v1: 90, v2: 10 });
    expect((await world.clock.until(running)).isOk()).toBe(true);
    const [one = 0, _again, two = 0] = puts.map(({ atMs }) => atMs);
    // It takes no time from what is held.
    expect([puts.length, two - one]).toEqual([4, 20_000]);
    await ended(world, deployer);
  });

  it('a cancel leads the routes back to the instance before, alone', async () => {
    const all = await progressive();
    const { world, deployer } = all;
    const { id, result } = await unwrap(deployer.submit({ ...DEV, tag: 'v2' }));
    await world.clock.advance(8_000);
    await unwrap(deployer.cancel(id));
    expect((await world.clock.until(result))._unsafeUnwrapErr()).toMatchObject({ kind: 'cancelled' });
    expect(served(all)).toEqual({ v1: 100 });
    await ended(world, deployer);
  });

  it('a host that dies leaves them to be taken back by whoever recovers', async () => {
    const all = await progressive();
    const { world, deployer, ports } = all;
    // It dies at the next commit after the shares have begun: a renewal of its lease.
    const doomed = mortalWorld(world, { commit: 1, when: 'before' });
    const mortal = await deployerIn(world, { ...ports, ...doomed.ports });
    void mortal.submit({ ...DEV, tag: 'v2' });
    await world.clock.advance(8_000);
    expect(served(all)).toEqual({ v1: 90, v2: 10 });
    doomed.arm();
    await world.clock.until(doomed.death);
    doomed.bury();
    expect(served(all)).toEqual({ v1: 90, v2: 10 });
    const next = await another(world, { ...ports, recover: 'manual' });
    // Whoever of those that live has the lease first.
    await world.clock.until(unwrap(next.recover()));
    await world.clock.advance(60_000);
    expect(served(all)).toEqual({ v1: 100 });
    expect((await unwrap(next.deployments.list())).items[0]).toMatchObject({ tag: 'v2', status: 'failed' });
    await ended(world, deployer, next);
  });
});
