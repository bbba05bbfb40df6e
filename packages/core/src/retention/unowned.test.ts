import { ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { brokenPromises, DEFAULT, DEV, deployerIn, IMAGE, push, settled, watchRoutes } from '../deployer/testbed.js';
import type { DeployerOptions } from '../deployer/types.js';
import { unwrap } from '../domain/errors.js';
import { routeMark } from '../domain/names.js';
import { memoryProxy, memoryWorld, outage, withFaults } from '../testing/index.js';

const forever = { signal: new AbortController().signal };

/**
 * A world with one instance of v2, and beside it all that v1 and its route were before somebody restored the store from a copy without them:
 * a container that runs, and a route that points to it.
 */
async function restored(options: Partial<DeployerOptions> = {}) {
  const world = memoryWorld();
  push(world, 'v1', 'v2', 'v3');
  const projects = { shop: { image: IMAGE, stages: { dev: { port: 3000, maxInstances: 1 } } } };
  const deployer = await deployerIn(world, { projects, ...options });
  await settled(world, deployer, 'v2');
  const [known] = world.engine.containers.values();
  if (!known) throw new Error('no container');
  const name = 'shop-dev-v1-000000000000000001';
  const owner = { storeId: deployer.storeId, deployment: '000000000000000001' };
  const container = { ...known, spec: { ...known.spec, name, owner, tag: 'v1' }, address: '10.9.9.9' };
  world.engine.containers.set(name, container);
  const point = (domain: string, mark: string | null = routeMark(deployer.storeId, domain)) =>
    world.proxy.disturb(domain, {
      domain,
      mark,
      targets: [{ instance: owner.deployment, host: '10.9.9.9', port: 3000 }],
    });
  const domains = async () =>
    (await unwrap(world.proxy.list({ storeId: deployer.storeId }, forever))).map(({ domain }) => domain).sort();
  return { world, deployer, name, point, domains };
}

const OURS = [DEFAULT, 'stage-dev-shop-v2.apps.test'].sort();

describe('prune({ unowned: true })', () => {
  it('removes what belongs to no record, routes first, and tells of it', async () => {
    const { world, deployer, name, point, domains } = await restored();
    point('lost.apps.test');
    const broken = watchRoutes(world);
    const told: unknown[] = [];
    deployer.on('store.pruned', ({ report }) => told.push(report.unowned));
    expect((await unwrap(deployer.prune())).unowned).toEqual({ containers: [], routes: [] });
    const would = await unwrap(deployer.prune({ unowned: true, dryRun: true }));
    expect(would.unowned).toEqual({ containers: [name], routes: ['lost.apps.test'] });
    expect([world.engine.containers.has(name), (await domains()).length, told]).toEqual([true, 3, []]);
    const did = await unwrap(deployer.prune({ unowned: true }));
    expect([did.unowned, did.kept]).toEqual([would.unowned, []]);
    expect([world.engine.containers.has(name), await domains(), broken()]).toEqual([false, OURS, []]);
    expect(told).toEqual([
      { containers: [], routes: ['lost.apps.test'] },
      { containers: [name], routes: [] },
    ]);
    expect((await unwrap(deployer.prune({ unowned: true }))).unowned).toEqual({ containers: [], routes: [] });
    const store = world.store.connect();
    await world.clock.until(deployer.close());
    expect(await brokenPromises({ ...world, store })).toEqual([]);
  });

  it('keeps a container that a route of ours points to, by whatever the proxy knows of it', async () => {
    const { world, deployer, name, point } = await restored();
    point(DEFAULT);
    const report = await unwrap(deployer.prune({ unowned: true }));
    expect(report.unowned).toEqual({ containers: [], routes: [] });
    expect(report.kept).toEqual([expect.stringContaining(DEFAULT)]);
    expect(world.engine.containers.has(name)).toBe(true);
    // A proxy that cannot tell the instance.
    world.proxy.disturb(DEFAULT, {
      domain: DEFAULT,
      mark: routeMark(deployer.storeId, DEFAULT),
      targets: [{ instance: null, host: name, port: 3000 }],
    });
    expect((await unwrap(deployer.prune({ unowned: true }))).unowned.containers).toEqual([]);
    await world.clock.until(deployer.close());
  });

  it('touches nothing of anybody else', async () => {
    const { world, deployer, name, point, domains } = await restored();
    point('theirs.test', null);
    point('also-theirs.test', 'anotherstore-1');
    const [known] = world.engine.containers.values();
    if (!known) throw new Error('no container');
    const spec = { ...known.spec, name: 'theirs', owner: { storeId: 'anotherstore', deployment: 'x' } };
    world.engine.containers.set('theirs', { ...known, spec });
    await unwrap(deployer.prune({ unowned: true }));
    expect([world.engine.containers.has('theirs'), world.engine.containers.has(name)]).toEqual([true, false]);
    expect(await unwrap(world.proxy.get('theirs.test', forever))).toBeDefined();
    expect(await unwrap(world.proxy.get('also-theirs.test', forever))).toBeDefined();
    expect(await domains()).toEqual(OURS);
    await world.clock.until(deployer.close());
  });

  it('removes no container while the proxy does not answer, or is another one than it was made with', async () => {
    const { world, deployer, name } = await restored();
    await world.clock.until(deployer.close());
    const away = withFaults(world.proxy, { clock: world.clock, error: outage.proxy });
    away.inject('list', { kind: 'fail-before' }, 2);
    const first = await deployerIn(world, { proxy: away.port, store: world.store.connect(), recover: 'manual' });
    const blind = await unwrap(first.prune({ unowned: true }));
    expect([blind.unowned.containers, world.engine.containers.has(name)]).toEqual([[], true]);
    expect(blind.kept.join()).toContain(name);
    await world.clock.until(first.close());

    const record = {
      id: '000000000000000001',
      status: 'failed',
      identities: { runtime: 'engine-1', proxy: 'proxy-1' },
    };
    const store = world.store.connect();
    await unwrap(
      store.commit(
        [{ op: 'insert', collection: 'deployments', record: { ...record, request: {}, cleanup: 'none' } as never }],
        forever,
      ),
    );
    const proxy = memoryProxy(world.engine, { identity: 'proxy-2' });
    const second = await deployerIn(world, { proxy, store, recover: 'manual' });
    const elsewhere = await unwrap(second.prune({ unowned: true }));
    expect([elsewhere.unowned.containers, elsewhere.kept.join()]).toEqual([[], expect.stringContaining('proxy-1')]);
    await world.clock.until(second.close());
  });

  it('leaves word on the domain’s lease that a removal of unknown outcome may still arrive', async () => {
    const { world, deployer, point, domains } = await restored();
    point('lost.apps.test');
    const away = withFaults(world.proxy, { clock: world.clock, error: outage.proxy });
    const store = world.store.connect();
    const pruner = await deployerIn(world, { proxy: away.port, store, recover: 'manual' });
    away.inject('remove', { kind: 'hang', when: 'before' });
    const report = await world.clock.until(unwrap(pruner.prune({ unowned: true })));
    expect([report.unowned.routes, report.kept.join()]).toEqual([[], expect.stringContaining('lost.apps.test')]);
    expect(await domains()).toContain('lost.apps.test');
    const lease = await unwrap(store.get('leases', 'domain:lost.apps.test', forever));
    expect(lease?.value).toMatchObject({ holder: null, quietForMs: expect.any(Number) });
    await world.clock.until(pruner.close());
    await world.clock.until(deployer.close());
  });

  it('leaves a domain alone that is claimed in the very moment', async () => {
    const { world, deployer, point, domains } = await restored();
    const domain = 'stage-dev-shop-v3.apps.test';
    point(domain);
    const store = world.store.connect();
    let deployed: Promise<unknown> | undefined;
    const { get } = store;
    // A whole deployment comes and goes between its look at the records and its lease.
    store.get = ((collection: 'routes', id: string, options: never) => {
      const answer = get.call(store, collection, id, options);
      if (collection !== 'routes' || id !== domain || deployed) return answer;
      deployed = unwrap(deployer.deploy({ ...DEV, tag: 'v3' }));
      return ResultAsync.fromSafePromise(deployed).andThen(() => answer);
    }) as typeof get;
    const pruner = await deployerIn(world, { store, recover: 'manual' });
    const report = await world.clock.until(unwrap(pruner.prune({ unowned: true })));
    expect([deployed === undefined, report.unowned.routes]).toEqual([false, []]);
    await world.clock.advance(60_000);
    expect(await domains()).toEqual([DEFAULT, domain].sort());
    expect(world.proxy.request(domain).status).toBe(200);
    await world.clock.until(pruner.close());
    await world.clock.until(deployer.close());
  });
});
