/** Times to live and pins: what goes by itself, and what does not. */
import { describe, expect, it } from 'vitest';
import type { StageOptions } from '../config/options.js';
import { brokenPromises, DEV, deployerIn, IMAGE, push, watchRoutes } from '../deployer/testbed.js';
import type { Deployer, DeployerOptions } from '../deployer/types.js';
import { unwrap } from '../domain/errors.js';
import { type MemoryWorld, memoryProxy, memoryWorld } from '../testing/index.js';

const forever = { signal: new AbortController().signal };
const HOUR_MS = 3_600_000;
const PR = { project: 'shop', stage: 'pr-1' } as const;

const configured = (stages: { readonly [stage: string]: StageOptions }): Partial<DeployerOptions> => ({
  projects: { shop: { image: IMAGE, stages } },
  // Few beats: hours pass quickly.
  settings: { domain: 'apps.test', ttlMs: 600_000, renewMs: 60_000 },
  worker: { group: 'blue' },
});

async function opened(stages: { readonly [stage: string]: StageOptions }, world = memoryWorld()) {
  push(world, 'v1', 'v2', 'v3', 'v4');
  const deployer = await deployerIn(world, configured(stages));
  const deploy = (where: typeof DEV | typeof PR, tag: string, force = false) =>
    world.clock.until(unwrap(deployer.deploy({ ...where, tag, force })));
  const running = async () => (await unwrap(deployer.instances.list())).items.map(({ tag }) => tag);
  return { world, deployer, deploy, running };
}

async function closed(world: MemoryWorld, deployer: Deployer): Promise<void> {
  const store = world.store.connect();
  await world.clock.until(deployer.close());
  expect(await brokenPromises({ ...world, store })).toEqual([]);
  expect(world.clock.pending).toBe(0);
}

describe('the time to live', () => {
  it('of a preview ends with all that it has, routes first, and only then', async () => {
    const { world, deployer, deploy, running } = await opened({
      'pr-*': { port: 3000, ttl: '2h' },
      dev: { port: 3000 },
    });
    const told: unknown[] = [];
    deployer.on('stage.expired', (payload) => told.push(payload));
    deployer.on('instance.retired', ({ instance, reason }) => told.push([instance.tag, reason]));
    const routes = watchRoutes(world);
    await deploy(DEV, 'v1');
    await deploy(PR, 'v1');
    await deploy(PR, 'v2');
    await world.clock.advance(2 * HOUR_MS - 120_000);
    expect(await running()).toEqual(['v2', 'v1', 'v1']);
    await world.clock.advance(240_000);
    expect(await running()).toEqual(['v1']);
    expect(told).toEqual([PR, ['v1', 'expired'], ['v2', 'expired']]);
    expect((await unwrap(deployer.routes.list())).items.map(({ stage }) => stage)).toEqual(['dev', 'dev']);
    expect(routes()).toEqual([]);
    await closed(world, deployer);
  });

  it('begins anew with every deployment that ends on it, one that changes nothing included', async () => {
    const { world, deployer, deploy, running } = await opened({ 'pr-*': { port: 3000, ttl: '2h' } });
    await deploy(PR, 'v1');
    for (let round = 0; round < 4; round += 1) {
      await world.clock.advance(1.5 * HOUR_MS);
      const { status, instance } = await deploy(PR, 'v1');
      expect(status).toBe('unchanged');
      const { expiresAt } = await unwrap(deployer.instances.get(instance ?? ''));
      expect((expiresAt ?? 0) - world.clock.now()).toBeGreaterThan(2 * HOUR_MS - 1_000);
    }
    expect(await running()).toEqual(['v1']);
    await world.clock.advance(2.1 * HOUR_MS);
    expect(await running()).toEqual([]);
    await closed(world, deployer);
  });

  it('of a stage with a name of its own never ends what serves, and takes its lease for nothing', async () => {
    const { world, deployer, deploy, running } = await opened({ dev: { port: 3000, ttl: '1h' } });
    await deploy(DEV, 'v1');
    await deploy(DEV, 'v2');
    await world.clock.advance(2 * HOUR_MS);
    expect(await running()).toEqual(['v2']);
    const lease = async () => unwrap(world.store.get('leases', 'stage:["shop","dev"]', forever));
    const before = await lease();
    await world.clock.advance(3 * HOUR_MS);
    expect(await running()).toEqual(['v2']);
    expect(await lease()).toEqual(before);
    await closed(world, deployer);
  });

  it('waits for what is queued, and for a stage that is busy', async () => {
    const { world, deployer, deploy, running } = await opened({
      'pr-*': { port: 3000, ttl: '3m', healthcheck: { startPeriod: '10m' } },
    });
    await deploy(PR, 'v1');
    world.engine.push(`${IMAGE}:slow`, { listensAfterMs: 240_000 });
    const slow = deployer.deploy({ ...PR, tag: 'slow' });
    await world.clock.advance(230_000);
    expect(await running()).toEqual(['v1']);
    await world.clock.until(unwrap(slow));
    await world.clock.advance(120_000);
    // The one before had come to its end; what was deployed meanwhile has a time of its own.
    expect(await running()).toEqual(['slow']);
    await world.clock.advance(180_000);
    expect(await running()).toEqual([]);
    await closed(world, deployer);
  });

  it('waits for what a host has left in the line that may come back', async () => {
    const { world, deployer, deploy, running } = await opened({ 'pr-*': { port: 3000, ttl: '1h' } });
    const { id } = await deploy(PR, 'v1');
    const stored = await unwrap(world.store.get('deployments', id, forever));
    if (!stored) throw new Error('no deployment');
    const queued = {
      ...stored.value,
      id: 'zzzzzzzzzzzzzzzzzz',
      status: 'queued',
      host: 'gone',
      group: null,
      endedAt: null,
    } as const;
    await unwrap(world.store.commit([{ op: 'insert', collection: 'deployments', record: queued }], forever));
    world.clock.jump(2 * HOUR_MS);
    await world.clock.advance(180_000);
    expect(await running()).toEqual(['v1']);
    await unwrap(world.store.commit([{ op: 'remove', collection: 'deployments', id: queued.id }], forever));
    await world.clock.advance(180_000);
    expect(await running()).toEqual([]);
    await closed(world, deployer);
  });

  it('is nobody’s business who does not have the project, or another engine or proxy', async () => {
    const world = memoryWorld();
    const { deployer, deploy } = await opened({ 'pr-*': { port: 3000, ttl: '1h' } }, world);
    await deploy(PR, 'v1');
    await world.clock.until(deployer.close());
    const others: Partial<DeployerOptions>[] = [
      { projects: { other: { image: IMAGE, stages: { 'pr-*': { port: 3000 } } } } },
      { proxy: memoryProxy(world.engine, { identity: 'proxy-2' }) },
    ];
    for (const other of others) {
      const store = world.store.connect();
      const stranger = await deployerIn(world, { ...configured({ 'pr-*': { port: 3000 } }), ...other, store });
      await world.clock.advance(5 * HOUR_MS);
      expect((await unwrap(stranger.instances.list())).items).toHaveLength(1);
      await world.clock.until(stranger.close());
    }
    const own = await deployerIn(world, { ...configured({ 'pr-*': { port: 3000 } }), store: world.store.connect() });
    await world.clock.advance(HOUR_MS);
    expect((await unwrap(own.instances.list())).items).toEqual([]);
    await closed(world, own);
  });
});

describe('a pin', () => {
  it('keeps an instance from eviction, which takes the next one; it counts all the same', async () => {
    const { world, deployer, deploy, running } = await opened({ dev: { port: 3000, maxInstances: 2 } });
    const first = await deploy(DEV, 'v1');
    const told: unknown[] = [];
    deployer.on('instance.pinned', ({ instance, by }) => told.push(['pinned', instance.tag, instance.isPinned, by]));
    deployer.on('instance.unpinned', ({ instance, by }) =>
      told.push(['unpinned', instance.tag, instance.isPinned, by]),
    );
    const pinned = await unwrap(deployer.pin(first.instance ?? '', { by: 'ada' }));
    expect(pinned).toMatchObject({ tag: 'v1', isPinned: true });
    // Pinned already.
    await unwrap(deployer.pin(first.instance ?? ''));
    await deploy(DEV, 'v2');
    const plan = await unwrap(deployer.plan({ ...DEV, tag: 'v3' }));
    expect(plan.evicts.map(({ tag }) => tag)).toEqual(['v2']);
    await deploy(DEV, 'v3');
    await world.clock.advance(60_000);
    expect(await running()).toEqual(['v3', 'v1']);
    expect((await unwrap(deployer.instances.list())).items.map(({ isPinned }) => isPinned)).toEqual([false, true]);
    expect((await unwrap(deployer.unpin(first.instance ?? ''))).isPinned).toBe(false);
    await unwrap(deployer.unpin(first.instance ?? ''));
    expect(told).toEqual([
      ['pinned', 'v1', true, 'ada'],
      ['unpinned', 'v1', false, null],
    ]);
    await deploy(DEV, 'v4');
    await world.clock.advance(60_000);
    expect(await running()).toEqual(['v4', 'v3']);
    await closed(world, deployer);
  });

  it('keeps an instance, and a preview whose it is, from the end of its time', async () => {
    const stages = { 'pr-*': { port: 3000, ttl: '1h' }, dev: { port: 3000, ttl: '1h' } } as const;
    const { world, deployer, deploy, running } = await opened(stages);
    const old = await deploy(PR, 'v1');
    await unwrap(deployer.pin(old.instance ?? ''));
    await deploy(PR, 'v2');
    const dev = await deploy(DEV, 'v1');
    await unwrap(deployer.pin(dev.instance ?? ''));
    await deploy(DEV, 'v2');
    await world.clock.advance(2 * HOUR_MS);
    expect(await running()).toEqual(['v2', 'v1', 'v2', 'v1']);
    await unwrap(deployer.unpin(dev.instance ?? ''));
    await unwrap(deployer.unpin(old.instance ?? ''));
    await world.clock.advance(180_000);
    expect(await running()).toEqual(['v2']);
    await closed(world, deployer);
  });

  it('keeps it from nobody who means it: replaced by its own tag, or removed, it goes, and the pin with it', async () => {
    const { world, deployer, deploy, running } = await opened({ dev: { port: 3000 } });
    const pins = async () => (await unwrap(world.store.list('pins', {}, forever))).length;
    const first = await deploy(DEV, 'v1');
    await unwrap(deployer.pin(first.instance ?? ''));
    const again = await deploy(DEV, 'v1', true);
    await world.clock.advance(60_000);
    expect([await running(), await pins()]).toEqual([['v1'], 0]);
    await unwrap(deployer.pin(again.instance ?? ''));
    await deploy(DEV, 'v2');
    await world.clock.until(unwrap(deployer.remove({ instance: again.instance ?? '' })));
    await world.clock.advance(60_000);
    expect([await running(), await pins()]).toEqual([['v2'], 0]);
    await closed(world, deployer);
  });

  it('comes too late for what retires, and is refused for what is not there', async () => {
    const { world, deployer, deploy } = await opened({ dev: { port: 3000, maxInstances: 1 } });
    const first = await deploy(DEV, 'v1');
    const stored = await unwrap(world.store.get('instances', first.instance ?? '', forever));
    if (!stored) throw new Error('no instance');
    const put = (state: 'running' | 'retiring') =>
      unwrap(world.store.commit([{ op: 'put', collection: 'instances', record: { ...stored.value, state } }], forever));
    await put('retiring');
    const late = await deployer.pin(first.instance ?? '');
    expect(late._unsafeUnwrapErr().message).toContain('retires already');
    await put('running');
    await deploy(DEV, 'v2');
    await world.clock.advance(60_000);
    for (const id of [first.instance ?? '', '000000000000000000'])
      expect((await deployer.pin(id))._unsafeUnwrapErr().kind).toBe('unknown-instance');
    expect((await deployer.pin('nonsense'))._unsafeUnwrapErr().kind).toBe('invalid-request');
    expect((await deployer.pin('000000000000000000', { by: 'x'.repeat(201) }))._unsafeUnwrapErr().kind).toBe(
      'invalid-request',
    );
    await closed(world, deployer);
  });

  it('that comes in the very moment of an eviction is seen by it: one of the two gives way', async () => {
    const world = memoryWorld();
    const { deployer, deploy, running } = await opened({ dev: { port: 3000, maxInstances: 1 } }, world);
    const first = await deploy(DEV, 'v1');
    await world.clock.until(deployer.close());
    // Pins right before the commit that would evict.
    const base = world.store.connect();
    const pinner = await deployerIn(world, { ...configured({}), store: world.store.connect() });
    let isPinned = false;
    const { commit } = base;
    base.commit = (changes, options) => {
      const evicts = changes.some((change) => change.op === 'insert' && change.collection === 'tasks');
      if (!evicts || isPinned) return commit.call(base, changes, options);
      isPinned = true;
      return pinner.pin(first.instance ?? '').andThen(() => commit.call(base, changes, options)) as never;
    };
    const second = await deployerIn(world, { ...configured({ dev: { port: 3000, maxInstances: 1 } }), store: base });
    const deployed = await world.clock.until(unwrap(second.deploy({ ...DEV, tag: 'v2' })));
    await world.clock.advance(60_000);
    expect([isPinned, deployed.status, deployed.cleanup]).toEqual([true, 'succeeded', 'none']);
    const lines: string[] = [];
    for await (const { message } of second.logs(deployed.id)) lines.push(message);
    expect(lines.filter((line) => line.includes('is live'))).toHaveLength(1);
    expect((await unwrap(second.instances.list())).items.map(({ tag }) => tag)).toEqual(['v2', 'v1']);
    expect(running).toBeDefined();
    await world.clock.until(pinner.close());
    await closed(world, second);
  });
});
