import { afterEach, describe, expect, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import { type MemoryWorld, memoryNotifier, memoryProxy, memoryWorld } from '../testing/index.js';
import { createDeployer } from './create.js';
import { loadAll } from './load-all.js';
import type { Deployer, DeployerOptions } from './types.js';

// A virtual clock does not wait for a file to be read.
await loadAll();

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function deployerIn(world: MemoryWorld, options: Partial<DeployerOptions> = {}): Promise<Deployer> {
  const { engine: _engine, ...ports } = world;
  const deployer = await unwrap(
    createDeployer({
      ...ports,
      settings: { domain: 'apps.test' },
      projects: { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000, maxInstances: 2 } } } },
      ...options,
    } as DeployerOptions),
  );
  open.push(() => world.clock.until(deployer.close({ running: 'cancel' })));
  return deployer;
}

const DEFAULT = 'stage-dev-shop.apps.test';

describe('deploy', () => {
  it('puts a tag on its stage, on its tagged and its default domain', async () => {
    const world = memoryWorld();
    world.engine.push('registry.test/shop:v1', { listensAfterMs: 80 });
    const deployer = await deployerIn(world);
    const seen: string[] = [];
    deployer.on('deployment.succeeded', ({ instance }) => seen.push(instance.tag));
    const deployment = await world.clock.until(unwrap(deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' })));
    expect(deployment).toMatchObject({ status: 'succeeded', tag: 'v1', cleanup: 'none', error: null });
    expect(deployment.steps.map(({ name, status }) => [name, status])).toEqual(
      ['pull', 'create', 'start', 'route', 'health', 'cutover'].map((name) => [name, 'done']),
    );
    expect(seen).toEqual(['v1']);
    expect(world.proxy.request(DEFAULT)).toEqual({ status: 200, instance: deployment.id });
    expect(world.proxy.request('stage-dev-shop-v1.apps.test')).toEqual({ status: 200, instance: deployment.id });
  });

  it('is unchanged when nothing has changed, and deploys all the same when forced', async () => {
    const world = memoryWorld();
    world.engine.push('registry.test/shop:v1');
    const deployer = await deployerIn(world);
    const request = { project: 'shop', stage: 'dev', tag: 'v1' };
    const first = await world.clock.until(unwrap(deployer.deploy(request)));
    const second = await world.clock.until(unwrap(deployer.deploy(request)));
    expect(second).toMatchObject({ status: 'unchanged', instance: first.id });
    const third = await world.clock.until(unwrap(deployer.deploy({ ...request, force: true })));
    expect(third.status).toBe('succeeded');
    await world.clock.advance(60_000);
    expect([...world.engine.containers.keys()]).toHaveLength(1);
    expect(world.proxy.request('stage-dev-shop-v1.apps.test').instance).toBe(third.id);
    expect(await unwrap(deployer.deployments.get(third.id))).toMatchObject({ cleanup: 'done' });
  });

  it('leads the routes back to a container that came up at another address, when its tag is deployed again', async () => {
    const world = memoryWorld();
    world.engine.push('registry.test/shop:v1');
    const proxy = memoryProxy(world.engine, { reaches: [{ kind: 'address', node: '*' }] });
    const deployer = await deployerIn(world, { proxy });
    const request = { project: 'shop', stage: 'dev', tag: 'v1' };
    const { id } = await world.clock.until(unwrap(deployer.deploy(request)));
    const { container } = await unwrap(deployer.instances.get(id));
    const ref = { name: container, owner: { storeId: deployer.storeId, deployment: id } };
    const { signal } = new AbortController();
    await world.clock.until(unwrap(world.runtime.stop(ref, { signal, graceMs: 0 })));
    await world.clock.until(unwrap(world.runtime.start(ref, { signal })));
    expect(proxy.request(DEFAULT).status).toBe(502);
    expect(await world.clock.until(unwrap(deployer.plan(request)))).toMatchObject({ action: 'cutover', evicts: [] });
    const again = await world.clock.until(unwrap(deployer.deploy(request)));
    expect(again).toMatchObject({ status: 'succeeded', instance: id, cleanup: 'none' });
    expect(again.steps.map(({ name }) => name)).toEqual(['health', 'cutover']);
    expect(proxy.request(DEFAULT)).toEqual({ status: 200, instance: id });
    expect(await world.clock.until(unwrap(deployer.deploy(request)))).toMatchObject({ status: 'unchanged' });
  });

  it('keeps so many instances and evicts the one that the default route left first', async () => {
    const world = memoryWorld();
    const deployer = await deployerIn(world);
    for (const tag of ['v1', 'v2', 'v3']) {
      world.engine.push(`registry.test/shop:${tag}`, { body: tag });
      await world.clock.until(unwrap(deployer.deploy({ project: 'shop', stage: 'dev', tag })));
    }
    await world.clock.advance(60_000);
    const { items } = await unwrap(deployer.instances.list());
    expect(items.map(({ tag }) => tag).sort()).toEqual(['v2', 'v3']);
    expect(world.proxy.request('stage-dev-shop-v1.apps.test').status).toBe(404);
    expect(world.proxy.request('stage-dev-shop-v2.apps.test').status).toBe(200);
    expect(world.engine.containers.size).toBe(2);
  });

  it('takes a broken deployment back, and says what the container said last', async () => {
    const world = memoryWorld();
    world.engine.push('registry.test/shop:v1');
    world.engine.push('registry.test/shop:v2', {
      exitsAfterMs: 30,
      exitCode: 3,
      lines: ['no database'],
      listensAfterMs: null,
    });
    const deployer = await deployerIn(world);
    const first = await world.clock.until(unwrap(deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' })));
    const answer = await world.clock.until(deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v2' }));
    const error = answer._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'unhealthy', step: 'health' });
    expect(JSON.stringify(error.details)).toContain('no database');
    expect(error.deployment).toMatchObject({ status: 'failed', cleanup: 'none' });
    expect(world.proxy.request(DEFAULT).instance).toBe(first.id);
    expect(world.engine.containers.size).toBe(1);
    expect(world.engine.images.size).toBe(1);
    expect((await unwrap(deployer.routes.list())).items.map(({ domain }) => domain).sort()).toEqual([
      'stage-dev-shop-v1.apps.test',
      DEFAULT,
    ]);
  });

  it('rolls back to what still runs by a cutover alone', async () => {
    const world = memoryWorld();
    const deployer = await deployerIn(world);
    for (const tag of ['v1', 'v2']) {
      world.engine.push(`registry.test/shop:${tag}`, { body: tag });
      await world.clock.until(unwrap(deployer.deploy({ project: 'shop', stage: 'dev', tag })));
    }
    const back = await world.clock.until(unwrap(deployer.rollBack({ project: 'shop', stage: 'dev' })));
    expect(back).toMatchObject({ kind: 'rollback', status: 'succeeded', tag: 'v1' });
    expect(back.steps.map(({ name }) => name)).toEqual(['health', 'cutover']);
    expect(world.proxy.request(DEFAULT).instance).toBe(back.instance);
    expect(world.engine.containers.size).toBe(2);
  });

  it('is undone when it is cancelled, and says so', async () => {
    const world = memoryWorld();
    world.engine.push('registry.test/shop:v1', { listensAfterMs: null });
    const deployer = await deployerIn(world);
    const cancel = new AbortController();
    world.clock.after(500, () => cancel.abort());
    const answer = await world.clock.until(
      deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' }, { signal: cancel.signal }),
    );
    expect(answer._unsafeUnwrapErr()).toMatchObject({ kind: 'cancelled', deployment: { status: 'cancelled' } });
    expect(world.engine.containers.size).toBe(0);
    expect((await unwrap(deployer.routes.list())).items).toEqual([]);
  });

  it('removes a stage: routes first, then what they led to', async () => {
    const world = memoryWorld();
    const deployer = await deployerIn(world);
    for (const tag of ['v1', 'v2']) {
      world.engine.push(`registry.test/shop:${tag}`, { body: tag });
      await world.clock.until(unwrap(deployer.deploy({ project: 'shop', stage: 'dev', tag })));
    }
    await world.clock.until(unwrap(deployer.remove({ project: 'shop', stage: 'dev' })));
    await world.clock.advance(60_000);
    expect(world.engine.containers.size).toBe(0);
    expect(world.proxy.request(DEFAULT).status).toBe(404);
    expect((await unwrap(deployer.routes.list())).items).toEqual([]);
    expect((await unwrap(deployer.instances.list())).items).toEqual([]);
  });

  it('leaves what retires to the next start when its closing is hurried, and that one need not wait for a lease', async () => {
    const world = memoryWorld();
    // One that cannot count what is in flight: an instance drains for ten seconds.
    const { inFlight: _uncounted, ...proxy } = world.proxy;
    const deployer = await deployerIn(world, { proxy });
    for (const tag of ['v1', 'v2', 'v3']) {
      world.engine.push(`registry.test/shop:${tag}`, { body: tag });
      await world.clock.until(unwrap(deployer.deploy({ project: 'shop', stage: 'dev', tag })));
    }
    const hurry = new AbortController();
    world.clock.after(500, () => hurry.abort());
    const startedMs = world.clock.monotonicMs();
    await world.clock.until(deployer.close({ signal: hurry.signal }));
    expect(world.clock.monotonicMs() - startedMs).toBe(500);
    expect(world.engine.containers.size).toBe(3);
    const next = await deployerIn(world, { proxy, store: world.store.connect() });
    await world.clock.until(next.close());
    expect(world.clock.monotonicMs() - startedMs).toBeLessThan(30_000);
    expect(world.engine.containers.size).toBe(2);
  });

  it('tells notifiers of the end, once each', async () => {
    const world = memoryWorld();
    world.engine.push('registry.test/shop:v1');
    const notifier = memoryNotifier();
    const deployer = await deployerIn(world, { notifiers: [notifier] });
    await world.clock.advance(10);
    await world.clock.until(unwrap(deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' })));
    await world.clock.advance(1_000);
    expect(notifier.received.map(({ type }) => type)).toEqual(['deployment.succeeded']);
  });

  it('plans without touching anything', async () => {
    const world = memoryWorld();
    world.engine.push('registry.test/shop:v1');
    const deployer = await deployerIn(world);
    const before = world.store.commits;
    const plan = await world.clock.until(unwrap(deployer.plan({ project: 'shop', stage: 'dev', tag: 'v1' })));
    expect(plan).toMatchObject({ action: 'create', pulls: true, gap: false, evicts: [] });
    expect(plan.domains.map(({ domain }) => domain)).toEqual([DEFAULT, 'stage-dev-shop-v1.apps.test']);
    expect(world.store.commits).toBe(before);
    expect(world.engine.containers.size + world.engine.images.size).toBe(0);
  });
});
