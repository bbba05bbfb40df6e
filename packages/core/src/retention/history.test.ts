import { ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { DEV, deployerIn, IMAGE, push, settled } from '../deployer/testbed.js';
import type { DeployerOptions } from '../deployer/types.js';
import { unwrap } from '../domain/errors.js';
import { stageKey } from '../domain/records.js';
import { type MemoryWorld, memoryWorld, outage, withFaults } from '../testing/index.js';

const forever = { signal: new AbortController().signal };
const KEY = stageKey('shop', 'dev');
const DAY_MS = 86_400_000;

const keeping = (keep: object, stage: object = {}): Partial<DeployerOptions> => ({
  projects: { shop: { image: IMAGE, stages: { dev: { port: 3000, maxInstances: 2, keep, ...stage } } } },
});

const tags = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `v${from + index}`);

async function opened(keep: object, stage: object = {}, world = memoryWorld()) {
  push(world, ...tags(1, 9));
  const deployer = await deployerIn(world, keeping(keep, stage));
  const history = async () => (await unwrap(deployer.deployments.list())).items;
  const logOf = async (id: string) => {
    const lines: string[] = [];
    for await (const { message } of deployer.logs(id)) lines.push(message);
    return lines;
  };
  return { world, deployer, history, logOf };
}

const list = async <C extends 'specs' | 'stages' | 'leases' | 'deployments'>(world: MemoryWorld, collection: C) =>
  (await unwrap(world.store.connect().list(collection, {}, forever))).map(({ value }) => value);

describe('a stage’s history', () => {
  it('goes after a deployment, beyond its bounds: records and specs by one, logs by another', async () => {
    const keep = { history: { count: 4 }, logs: { count: 3 }, images: { count: 9 } };
    const { world, deployer, history, logOf } = await opened(keep);
    const told: unknown[] = [];
    deployer.on('store.pruned', ({ report }) =>
      told.push([report.deployments.length, report.logs.length, report.images.length]),
    );
    for (const tag of tags(1, 6)) await settled(world, deployer, tag);
    const kept = await history();
    expect(kept.map(({ tag, hasLog }) => [tag, hasLog])).toEqual([
      ['v6', true],
      ['v5', true],
      ['v4', true],
      ['v3', false],
    ]);
    expect((await list(world, 'specs')).map(({ id }) => id)).toEqual(kept.map(({ id }) => id).reverse());
    expect((await logOf(kept[2]?.id ?? '')).length).toBeGreaterThan(3);
    expect(await logOf(kept[3]?.id ?? '')).toEqual([]);
    expect(Object.keys(world.store.sizes()).filter((name) => name.startsWith('log:'))).toHaveLength(3);
    expect(told).toEqual([
      [0, 1, 0],
      [1, 1, 0],
      // Its image with it: nothing is left that a roll back would start it from.
      [0, 0, 1],
      [1, 1, 0],
      [0, 0, 1],
    ]);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });

  it('is bounded by a short-lived process as well, which prunes when it closes', async () => {
    const world = memoryWorld();
    push(world, ...tags(1, 6));
    for (const tag of tags(1, 6)) {
      const deployer = await deployerIn(world, { ...keeping({ history: { count: 2 } }), store: world.store.connect() });
      await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag })));
      await world.clock.until(deployer.close());
    }
    expect((await list(world, 'deployments')).map(({ tag }) => tag)).toEqual(['v5', 'v6']);
    expect(world.clock.pending).toBe(0);
  });

  it('keeps what runs and what the default route came from, whatever its bounds, and a roll back finds them', async () => {
    const { world, deployer, history } = await opened({ history: { count: 0 }, logs: { count: 0 } });
    for (const tag of tags(1, 4)) await settled(world, deployer, tag);
    expect((await history()).map(({ tag, hasLog }) => [tag, hasLog])).toEqual([
      ['v4', true],
      ['v3', true],
    ]);
    const back = await world.clock.until(unwrap(deployer.rollBack(DEV)));
    expect(back.instance).toBe((await history()).find(({ tag, kind }) => tag === 'v3' && kind === 'deploy')?.id);
    await world.clock.advance(60_000);
    await unwrap(deployer.prune());
    // The roll back is what serves, and keeps the deployment that its instance is from.
    expect((await history()).map(({ tag, kind }) => [tag, kind])).toEqual([
      ['v3', 'rollback'],
      ['v4', 'deploy'],
      ['v3', 'deploy'],
    ]);
    await world.clock.until(deployer.close());
  });

  it('keeps the one before that was evicted already, with what a roll back to it needs', async () => {
    const { world, deployer, history } = await opened(
      { history: { count: 0 }, images: { count: 0 } },
      { maxInstances: 1 },
    );
    for (const tag of tags(1, 3)) await settled(world, deployer, tag);
    expect((await history()).map(({ tag }) => tag)).toEqual(['v3', 'v2']);
    expect((await unwrap(deployer.instances.list())).items.map(({ tag }) => tag)).toEqual(['v3']);
    expect(world.engine.images.size).toBe(2);
    const back = await world.clock.until(unwrap(deployer.rollBack(DEV)));
    expect(back).toMatchObject({ tag: 'v2', status: 'succeeded' });
    await world.clock.until(deployer.close());
  });

  it('goes by age too, of what ended before, when a host that works sweeps it', async () => {
    const world = memoryWorld();
    push(world, ...tags(1, 3));
    const deployer = await deployerIn(world, {
      ...keeping({ history: { age: '2d' }, logs: { age: '1d' } }),
      settings: { domain: 'apps.test', ttlMs: 3_600_000, renewMs: 1_200_000 },
      worker: { group: 'blue' },
    });
    for (const tag of tags(1, 3)) await settled(world, deployer, tag);
    const kept = async () => (await unwrap(deployer.deployments.list())).items.map(({ tag, hasLog }) => [tag, hasLog]);
    expect(await kept()).toHaveLength(3);
    await world.clock.advance(DAY_MS + 2 * 3_600_000);
    expect(await kept()).toEqual([
      ['v3', true],
      ['v2', true],
      ['v1', false],
    ]);
    await world.clock.advance(DAY_MS);
    expect(await kept()).toEqual([
      ['v3', true],
      ['v2', true],
    ]);
    await world.clock.until(deployer.close());
  });

  it('never takes away what a roll back goes to that is submitted in the very moment', async () => {
    const { world, deployer, history } = await opened({ history: { count: 9 }, images: { count: 9 } });
    for (const tag of tags(1, 5)) await settled(world, deployer, tag);
    const oldest = (await history()).at(-1)?.id ?? '';
    const store = world.store.connect();
    const { commit } = store;
    let asked: ReturnType<typeof deployer.submitRollBack> | undefined;
    store.commit = (changes, options) => {
      const removes = changes.some((change) => change.op === 'remove' && change.collection === 'deployments');
      if (!removes || asked) return commit.call(store, changes, options);
      asked = deployer.submitRollBack({ ...DEV, to: oldest });
      return asked.andThen(() => commit.call(store, changes, options)) as never;
    };
    const strict = await deployerIn(world, { ...keeping({ history: { count: 2 } }), store, recover: 'manual' });
    await world.clock.until(unwrap(strict.prune()));
    const { result } = (await asked)?._unsafeUnwrap() ?? {};
    const back = await world.clock.until(unwrap(result ?? strict.rollBack(DEV)));
    expect(back).toMatchObject({ tag: 'v1', status: 'succeeded' });
    await world.clock.until(strict.close());
    await world.clock.until(deployer.close());
  });

  it('lets nobody go back to what went while the request was on its way', async () => {
    const { world, deployer, history } = await opened({ history: { count: 9 } });
    for (const tag of tags(1, 5)) await settled(world, deployer, tag);
    const oldest = (await history()).at(-1)?.id ?? '';
    const options = { ...keeping({ history: { count: 2 } }), store: world.store.connect(), recover: 'manual' } as const;
    const strict = await deployerIn(world, options);
    const { commit } = world.store;
    let pruned: Promise<unknown> | undefined;
    world.store.commit = (changes, bound) => {
      const submits = changes.some((change) => change.op === 'insert' && change.collection === 'deployments');
      if (!submits || pruned) return commit.call(world.store, changes, bound);
      pruned = unwrap(strict.prune());
      return ResultAsync.fromSafePromise(pruned).andThen(() => commit.call(world.store, changes, bound));
    };
    const asked = await world.clock.until(deployer.submitRollBack({ ...DEV, to: oldest }));
    expect(pruned).toBeDefined();
    expect(asked._unsafeUnwrapErr().kind).toBe('unknown-deployment');
    await world.clock.until(strict.close());
    await world.clock.until(deployer.close());
  });

  it('keeps what an idempotency key stands for, for a day', async () => {
    const { world, deployer, history } = await opened({ history: { count: 0 }, images: { count: 9 } });
    const first = await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: 'v1', idempotencyKey: 'k' })));
    for (const tag of tags(2, 5)) await settled(world, deployer, tag);
    expect((await history()).map(({ tag }) => tag)).toEqual(['v5', 'v4', 'v1']);
    const again = await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: 'v1', idempotencyKey: 'k' })));
    expect(again.id).toBe(first.id);
    world.clock.jump(DAY_MS);
    await unwrap(deployer.prune());
    expect((await history()).map(({ tag }) => tag)).toEqual(['v5', 'v4']);
    await world.clock.until(deployer.close());
  });

  it('says what would go and removes nothing, when it is only asked', async () => {
    const { world, deployer } = await opened({ history: { count: 9 } });
    for (const tag of tags(1, 5)) await settled(world, deployer, tag);
    await world.clock.until(deployer.close());
    const { commits } = world.store;
    const strict = await deployerIn(world, { ...keeping({ history: { count: 1 } }), store: world.store.connect() });
    const would = await unwrap(strict.prune({ dryRun: true }));
    expect(would.deployments).toHaveLength(3);
    expect([would.images.length, would.logs.length, would.events]).toEqual([3, 0, 0]);
    expect(world.engine.images.size).toBe(5);
    expect(world.store.commits).toBe(commits);
    const did = await unwrap(strict.prune());
    expect(did).toEqual(would);
    expect(await list(world, 'deployments')).toHaveLength(2);
    await world.clock.until(strict.close());
  });

  it('of a stage that this host does not know is bounded as its own deployments were claimed', async () => {
    const { world, deployer } = await opened({ history: { count: 5 } });
    for (const tag of tags(1, 6)) await settled(world, deployer, tag);
    await world.clock.until(deployer.close());
    const stranger = await deployerIn(world, {
      projects: { other: { image: IMAGE, keep: { history: { count: 1 } }, stages: { dev: { port: 3000 } } } },
      store: world.store.connect(),
    });
    expect((await unwrap(stranger.prune())).deployments).toEqual([]);
    expect(await list(world, 'deployments')).toHaveLength(5);
    await world.clock.until(stranger.close());
  });

  it('stays whole where the configuration cannot be read, and the report says so', async () => {
    const { world, deployer } = await opened({ history: { count: 9 } });
    for (const tag of tags(1, 4)) await settled(world, deployer, tag);
    await world.clock.until(deployer.close());
    const broken = await deployerIn(world, {
      projects: () => Promise.reject(new Error('no network')),
      store: world.store.connect(),
    });
    const report = await unwrap(broken.prune());
    expect(report).toMatchObject({ deployments: [], images: [] });
    expect(report.kept.join()).toContain('no network');
    await world.clock.until(broken.close());
  });
});

describe('a stage that is gone', () => {
  it('is forgotten with all that it had a month after its last deployment, and its images at once', async () => {
    const world = memoryWorld();
    const { deployer } = await opened({}, {}, world);
    for (const tag of tags(1, 3)) await settled(world, deployer, tag);
    await world.clock.until(unwrap(deployer.remove(DEV)));
    await world.clock.advance(60_000);
    await unwrap(deployer.prune());
    expect(world.engine.images.size).toBe(0);
    expect(await list(world, 'deployments')).toHaveLength(3);
    world.clock.jump(31 * DAY_MS);
    const report = await unwrap(deployer.prune());
    expect(report.deployments).toHaveLength(3);
    // Who did it stays known for longer.
    expect(Object.keys(world.store.sizes()).sort()).toEqual(['audit', 'events', 'hosts']);
    await world.clock.until(deployer.close());
  });

  it('stays where somebody deploys at that moment, and that deployment does not notice', async () => {
    // The store lets a whole deployment pass right before the commit that would forget the stage.
    const world = memoryWorld();
    const { deployer } = await opened({}, {}, world);
    await settled(world, deployer, 'v1');
    await world.clock.until(unwrap(deployer.remove(DEV)));
    await world.clock.advance(60_000);
    world.clock.jump(31 * DAY_MS);
    const faulty = withFaults(world.store.connect(), { clock: world.clock, error: outage.store });
    let deployed: Promise<unknown> | undefined;
    const { commit } = faulty.port;
    const store = {
      ...faulty.port,
      commit: ((changes, options) => {
        const forgets = changes.some((change) => change.op === 'remove' && change.collection === 'queues');
        if (!forgets || deployed) return commit.call(faulty.port, changes, options);
        deployed = unwrap(deployer.deploy({ ...DEV, tag: 'v2' }));
        return faulty.port.get('stages', KEY, options).andThen(() => commit.call(faulty.port, changes, options));
      }) as typeof commit,
    };
    const second = await deployerIn(world, { ...keeping({}), store });
    await world.clock.until(unwrap(second.prune()));
    expect(deployed).toBeDefined();
    await world.clock.until(deployed ?? Promise.resolve());
    expect((await list(world, 'stages')).map(({ current }) => typeof current)).toEqual(['string']);
    await world.clock.until(second.close());
    await world.clock.until(deployer.close());
  });
});
