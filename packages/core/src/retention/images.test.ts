import { describe, expect, it } from 'vitest';
import { brokenPromises, DEV, deployerIn, IMAGE, push, settled } from '../deployer/testbed.js';
import type { Deployer, DeployerOptions } from '../deployer/types.js';
import { unwrap } from '../domain/errors.js';
import { type MemoryWorld, memoryRuntime, memoryWorld } from '../testing/index.js';

const forever = { signal: new AbortController().signal };
const PROD = { project: 'shop', stage: 'prod' } as const;

const configured = (count: number, more: object = {}): Partial<DeployerOptions> => {
  const stage = { port: 3000, maxInstances: 1, keep: { images: { count } }, ...more };
  return { projects: { shop: { image: IMAGE, stages: { dev: stage, prod: stage } } } };
};

/** The tags whose images the engine has. */
const at = (world: MemoryWorld): string[] =>
  [...world.engine.images.values()].map((digest) => world.engine.behaviours.get(digest)?.body ?? '').sort();

const records = async (world: MemoryWorld) =>
  (await unwrap(world.store.connect().list('images', {}, forever))).map(({ value }) => value.reference);

async function opened(count: number, more: Partial<DeployerOptions> = {}, world = memoryWorld()) {
  push(world, 'v1', 'v2', 'v3', 'v4', 'v5');
  const deployer = await deployerIn(world, { ...configured(count), ...more });
  const deploy = async (where: typeof DEV | typeof PROD, tag: string) => {
    const deployed = await world.clock.until(unwrap(deployer.deploy({ ...where, tag })));
    await world.clock.advance(60_000);
    return deployed;
  };
  return { world, deployer, deploy };
}

const closed = async (world: MemoryWorld, deployer: Deployer) => {
  await world.clock.until(deployer.close());
  expect(world.clock.pending).toBe(0);
};

describe('images', () => {
  it('go with the deployments beyond the bound; those of the newest stay', async () => {
    const { world, deployer, deploy } = await opened(3);
    const told: string[] = [];
    deployer.on('store.pruned', ({ report }) => told.push(...report.images));
    for (const tag of ['v1', 'v2', 'v3', 'v4', 'v5']) await deploy(DEV, tag);
    expect(at(world)).toEqual(['v3', 'v4', 'v5']);
    expect(await records(world)).toHaveLength(3);
    expect(told).toHaveLength(2);
    expect(new Set(told).size).toBe(2);
    await closed(world, deployer);
  });

  it('stay as long as another stage keeps them, or something runs from them', async () => {
    const { world, deployer, deploy } = await opened(1);
    await deploy(PROD, 'v1');
    for (const tag of ['v1', 'v2', 'v3', 'v4']) await deploy(DEV, tag);
    // The one before the current one is what a roll back goes to, whatever the bound.
    expect(at(world)).toEqual(['v1', 'v3', 'v4']);
    await deploy(PROD, 'v2');
    await deploy(PROD, 'v3');
    expect(at(world)).toEqual(['v2', 'v3', 'v4']);
    await closed(world, deployer);
  });

  it('of what runs stay whatever the bound, and nobody is asked about them', async () => {
    const { world, deployer, deploy } = await opened(0, configured(0, { maxInstances: 3 }));
    for (const tag of ['v1', 'v2', 'v3']) await deploy(DEV, tag);
    const report = await unwrap(deployer.prune());
    expect([report.images, report.kept, at(world)]).toEqual([[], [], ['v1', 'v2', 'v3']]);
    await closed(world, deployer);
  });

  it('that somebody else has pulled stay, and so do those of another engine', async () => {
    const { world, deployer, deploy } = await opened(1);
    const digest = world.engine.registry.get(`${IMAGE}:v1`) ?? '';
    await unwrap(world.runtime.pull(`${IMAGE}@${digest}`, forever));
    await deploy(DEV, 'v1');
    const elsewhere = 'registry.test/shop@sha256:elsewhere';
    const record = {
      ...{ id: `${elsewhere} engine-2`, reference: elsewhere, repository: IMAGE, digest: 'sha256:elsewhere' },
    };
    await unwrap(
      world.store.commit(
        [
          {
            op: 'insert',
            collection: 'images',
            record: { ...record, pulledBy: 'x', pulledAt: 0, identity: 'engine-2' },
          },
        ],
        forever,
      ),
    );
    for (const tag of ['v2', 'v3', 'v4']) await deploy(DEV, tag);
    expect(at(world)).toEqual(['v1', 'v3', 'v4']);
    expect(await records(world)).toContain(elsewhere);
    await closed(world, deployer);
  });

  it('that somebody uses who is not ours stay, and the report says so', async () => {
    const { world, deployer, deploy } = await opened(1);
    await deploy(DEV, 'v1');
    const [container] = world.engine.containers.values();
    if (!container) throw new Error('no container');
    const theirs = { ...container.spec, name: 'theirs', owner: { storeId: 'x', deployment: 'x' } };
    world.engine.containers.set('theirs', { ...container, spec: theirs });
    for (const tag of ['v2', 'v3']) await deploy(DEV, tag);
    expect(at(world)).toEqual(['v1', 'v2', 'v3']);
    const report = await unwrap(deployer.prune());
    expect(report.images).toEqual([]);
    expect(report.kept).toEqual([expect.stringContaining('in use')]);
    world.engine.containers.delete('theirs');
    expect((await unwrap(deployer.prune())).images).toHaveLength(1);
    expect(at(world)).toEqual(['v2', 'v3']);
    await closed(world, deployer);
  });

  it('stay while a deployment runs that has not chosen yet, and while it runs from one of them', async () => {
    const { world, deployer, deploy } = await opened(1, configured(9));
    for (const tag of ['v1', 'v2', 'v3', 'v4']) await deploy(DEV, tag);
    await closed(world, deployer);
    // Waits for its environment, and then for its health, for as long as the test wants.
    let proceed = () => {};
    const gate = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    const env = async () => {
      await gate;
      return {};
    };
    const strict = await deployerIn(world, { ...configured(1, { env }), store: world.store.connect() });
    const deployed = strict.deploy({ ...PROD, tag: 'v1' });
    await world.clock.advance(1_000);
    expect((await unwrap(strict.prune())).images).toEqual([]);
    world.engine.behaviours.set(world.engine.registry.get(`${IMAGE}:v1`) ?? '', { body: 'v1', listensAfterMs: 3_000 });
    proceed();
    await world.clock.advance(100);
    expect((await unwrap(strict.prune())).images).toHaveLength(1);
    expect(at(world)).toEqual(['v1', 'v3', 'v4']);
    expect((await world.clock.until(unwrap(deployed))).status).toBe('succeeded');
    await world.clock.until(strict.close());
  });

  it('that go right after a deployment has found them are pulled once more, and are ours to remove again', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const digest = world.engine.registry.get(`${IMAGE}:v1`) ?? '';
    await unwrap(world.runtime.pull(`${IMAGE}@${digest}`, forever));
    const runtime = memoryRuntime(world.engine);
    const { create } = runtime;
    let creates = 0;
    runtime.create = (spec, options) => {
      creates += 1;
      if (creates === 1) world.engine.images.clear();
      return create(spec, options);
    };
    const deployer = await deployerIn(world, { ...configured(9), runtime });
    await settled(world, deployer, 'v1');
    expect([creates, at(world), (await records(world)).length]).toEqual([2, ['v1'], 1]);
    expect((await unwrap(deployer.deployments.list())).items.map(({ status }) => status)).toEqual(['succeeded']);

    // A deployment that fails after that takes back what it has pulled.
    await unwrap(world.runtime.pull(`${IMAGE}@${world.engine.registry.get(`${IMAGE}:v2`)}`, forever));
    world.engine.behaviours.set(world.engine.registry.get(`${IMAGE}:v2`) ?? '', { startFails: 'broken' });
    creates = 0;
    expect((await world.clock.until(deployer.deploy({ ...DEV, tag: 'v2' }))).isErr()).toBe(true);
    await world.clock.advance(60_000);
    expect(world.engine.images.size).toBe(0);
    const store = world.store.connect();
    await closed(world, deployer);
    expect(await brokenPromises({ ...world, store })).toEqual([]);
  });
});
