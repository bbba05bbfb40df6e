/** What others do to what serves, and what watching makes of it: looked at from the proxy and the engine. */
import { describe, expect, it } from 'vitest';
import { DEFAULT, DEV, deployerIn, IMAGE, push, settled } from '../deployer/testbed.js';
import type { Deployer, DeployerOptions, WatchOptions } from '../deployer/types.js';
import { unwrap } from '../domain/errors.js';
import { EVENT_STREAM, type StoredEvent } from '../events/types.js';
import { type MemoryWorld, memoryProxy, memoryWorld, outage, withFaults } from '../testing/index.js';

const FOREVER = { signal: new AbortController().signal };

async function events(world: MemoryWorld, ...types: StoredEvent['type'][]): Promise<StoredEvent[]> {
  const all = await unwrap(world.store.connect().read(EVENT_STREAM, { after: 0 }, FOREVER));
  return all.map(({ value }) => value as unknown as StoredEvent).filter(({ type }) => types.includes(type));
}

async function watched(
  options: WatchOptions = {},
  more: Partial<DeployerOptions> | ((world: MemoryWorld) => Partial<DeployerOptions>) = {},
  behaviour: Parameters<MemoryWorld['engine']['push']>[1] = {},
) {
  const plain = memoryWorld();
  // By address, as nginx or HAProxy on the engine's machine have it: that changes when a container starts again.
  const world = {
    ...plain,
    proxy: memoryProxy(plain.engine, { reaches: [{ kind: 'address', node: plain.engine.node }] }),
  };
  push(world, 'v1', 'v2', 'v3');
  world.engine.push(`${IMAGE}:v1`, { body: 'v1', ...behaviour });
  const deployer = await deployerIn(world, typeof more === 'function' ? more(world) : more);
  await settled(world, deployer, 'v1');
  const watch = await unwrap(deployer.watch(options));
  await world.clock.advance(1_000);
  const [container] = world.engine.containers.values();
  if (!container) throw new Error('nothing runs');
  return { world, deployer, watch, container, id: container.spec.owner.deployment, name: container.spec.name };
}

async function ended(world: MemoryWorld, deployer: Deployer) {
  await world.clock.until(deployer.close());
  expect(world.clock.pending).toBe(0);
}

describe('watch()', () => {
  it('leads the routes to a container that came back under another address', async () => {
    const { world, deployer, name } = await watched();
    world.engine.kill(name);
    await world.clock.advance(1_000);
    expect(world.proxy.request(DEFAULT).status).toBe(200);
    expect(world.proxy.request('stage-dev-shop-v1.apps.test').status).toBe(200);
    const healed = await events(world, 'route.healed');
    expect(healed.map(({ payload }) => (payload as { route: { domain: string } }).route.domain).sort()).toEqual(
      ['stage-dev-shop-v1.apps.test', DEFAULT].sort(),
    );
    await ended(world, deployer);
  });

  it('does nothing where nothing has happened, however often it looks', async () => {
    const { world, deployer } = await watched();
    const before = world.store.commits;
    await world.clock.advance(600_000);
    const told = await events(world, 'route.healed', 'route.changed', 'instance.condition');
    expect(told).toEqual([]);
    // Beats of the deployer alone.
    expect(world.store.commits - before).toBeLessThanOrEqual(62);
    await ended(world, deployer);
  });

  it('makes up for what was missed while the engine could not be reached', async () => {
    let isDown = false;
    const seen: string[] = [];
    const { world, deployer, name } = await watched({}, (given) => {
      const runtime = withFaults(given.runtime, {
        clock: given.clock,
        error: outage.runtime,
        plan: ({ method }) =>
          isDown
            ? { kind: 'fail-before' }
            : method === 'watch' && seen.length === 0
              ? { kind: 'cut', after: 2 }
              : undefined,
      }).port;
      return { runtime };
    });
    deployer.on('watch.interrupted', ({ error }) => seen.push(error.kind));
    deployer.on('watch.resumed', () => seen.push('resumed'));
    // The stream breaks off behind the second event, and the engine is away from then on.
    isDown = true;
    world.engine.kill(name);
    await world.clock.advance(30_000);
    world.engine.kill(name);
    await world.clock.advance(1_000);
    expect(world.proxy.request(DEFAULT).status).not.toBe(200);
    isDown = false;
    await world.clock.advance(40_000);
    expect(world.proxy.request(DEFAULT).status).toBe(200);
    expect(seen[0]).toBe('engine-unreachable');
    expect(seen.at(-1)).toBe('resumed');
    await ended(world, deployer);
  });

  it('lists once a minute where the engine has no events', async () => {
    const { world, deployer, name } = await watched({}, ({ runtime }) => {
      const { watch: _none, ...blind } = runtime;
      return { runtime: blind };
    });
    world.engine.kill(name);
    await world.clock.advance(61_000);
    expect(world.proxy.request(DEFAULT).status).toBe(200);
    await ended(world, deployer);
  });

  it('tells of one that ended for good, and that it is well again', async () => {
    const projects = { shop: { image: IMAGE, stages: { dev: { port: 3000, restart: 'no' as const } } } };
    const { world, deployer, id, name, container } = await watched({}, { projects });
    world.engine.kill(name, 3);
    await world.clock.advance(10_000);
    const [told, ...more] = await events(world, 'instance.condition');
    expect(told?.payload).toMatchObject({ instance: { id }, condition: { state: 'down', exitCode: 3 } });
    expect(more).toEqual([]);
    expect(await unwrap(deployer.instances.get(id))).toMatchObject({ condition: { state: 'down' } });
    await world.clock.advance(300_000);
    expect(await events(world, 'instance.condition')).toHaveLength(1);
    world.engine.start(container);
    await world.clock.advance(5_000);
    expect((await events(world, 'instance.condition')).at(-1)?.payload).toMatchObject({ condition: null });
    expect(await unwrap(deployer.instances.get(id))).toMatchObject({ condition: null });
    expect(world.proxy.request(DEFAULT).status).toBe(200);
    await ended(world, deployer);
  });

  it('starts again what the engine was to keep running and took for stopped by hand', async () => {
    const { world, deployer, container } = await watched();
    // As an engine that was killed leaves it.
    world.engine.stop(container, 0);
    await world.clock.advance(10_000);
    expect(container.state).toBe('running');
    expect(world.proxy.request(DEFAULT).status).toBe(200);
    expect(await events(world, 'instance.condition')).toEqual([]);
    // Somebody insists: it is told, and tried again after a while.
    world.engine.stop(container, 0);
    await world.clock.advance(10_000);
    expect(container.state).toBe('exited');
    expect((await events(world, 'instance.condition')).map(({ payload }) => payload)).toMatchObject([
      { condition: { state: 'down' } },
    ]);
    await world.clock.advance(120_000);
    expect(container.state).toBe('running');
    await ended(world, deployer);
  });

  it.each(['no', 'unless-stopped'] as const)(
    'leaves alone what a deployment has stopped to make room, restart: %s',
    async (restart) => {
      const stage = { port: 3000, replace: 'stop-first' as const, restart };
      const projects = { shop: { image: IMAGE, stages: { dev: stage } } };
      const { world, deployer, container } = await watched({}, { projects });
      world.engine.push(`${IMAGE}:v2`, { listensAfterMs: 15_000 });
      const next = deployer.deploy({ ...DEV, tag: 'v2' });
      await world.clock.advance(10_000);
      expect(container.state).toBe('exited');
      expect((await world.clock.until(unwrap(next))).status).toBe('succeeded');
      await world.clock.advance(60_000);
      expect(await events(world, 'instance.condition')).toEqual([]);
      expect(world.proxy.request(DEFAULT).status).toBe(200);
      await ended(world, deployer);
    },
  );

  it('takes routes off that lead to a container that is gone, and tells that it is lost', async () => {
    const { world, deployer, id, name } = await watched();
    world.engine.containers.delete(name);
    await world.clock.advance(61_000);
    const { storeId } = deployer;
    expect(await unwrap(world.proxy.list({ storeId }, FOREVER))).toEqual([]);
    expect((await events(world, 'instance.condition'))[0]?.payload).toMatchObject({
      instance: { id },
      condition: { state: 'lost' },
    });
    // The next deployment serves again.
    await settled(world, deployer, 'v2');
    expect(world.proxy.request(DEFAULT).status).toBe(200);
    await ended(world, deployer);
  });

  it('tells of a crash loop once, and of its end', async () => {
    const { world, deployer, name } = await watched();
    for (let crash = 0; crash < 20; crash += 1) {
      world.engine.kill(name);
      await world.clock.advance(5_000);
    }
    expect((await events(world, 'instance.condition')).map(({ payload }) => payload)).toMatchObject([
      { condition: { state: 'crash-looping' } },
    ]);
    await world.clock.advance(300_000);
    expect((await events(world, 'instance.condition')).map(({ payload }) => payload)).toMatchObject([
      { condition: { state: 'crash-looping' } },
      { condition: null },
    ]);
    expect(world.proxy.request(DEFAULT).status).toBe(200);
    await ended(world, deployer);
  });

  it('tells of a route that somebody has changed, once for each change, and lets it be', async () => {
    const { world, deployer } = await watched();
    const { storeId } = deployer;
    const held = (await unwrap(world.proxy.list({ storeId }, FOREVER))).find(({ domain }) => domain === DEFAULT);
    if (!held?.mark) throw new Error('no route');
    const theirs = { domain: DEFAULT, mark: held.mark, targets: [{ instance: 'theirs', host: '192.0.2.1', port: 80 }] };
    world.proxy.disturb(DEFAULT, theirs);
    await world.clock.advance(200_000);
    const told = await events(world, 'route.changed');
    expect(told.map(({ payload }) => payload)).toMatchObject([{ route: { domain: DEFAULT }, putBack: false }]);
    expect((await unwrap(world.proxy.get(DEFAULT, FOREVER)))?.targets[0]?.host).toBe('192.0.2.1');
    world.proxy.disturb(DEFAULT, null);
    await world.clock.advance(200_000);
    expect(await events(world, 'route.changed')).toHaveLength(2);
    await ended(world, deployer);
  });

  it('puts a route again that was taken off because its instance did not run just then', async () => {
    const { world, deployer, name } = await watched();
    const store = world.store.connect();
    const stored = await unwrap(store.get('routes', DEFAULT, FOREVER));
    if (!stored) throw new Error('no route');
    // As an undo leaves it that found the instance before down.
    const off = { ...stored.value, target: null };
    await unwrap(store.commit([{ op: 'put', collection: 'routes', record: off, version: stored.version }], FOREVER));
    world.proxy.disturb(DEFAULT, null);
    world.engine.kill(name);
    await world.clock.advance(1_000);
    expect(world.proxy.request(DEFAULT).status).toBe(200);
    expect(await events(world, 'route.changed')).toEqual([]);
    await ended(world, deployer);
  });

  it('puts it back where the host asks for it, and never one that carries another mark', async () => {
    const { world, deployer } = await watched({ changedRoutes: 'put-back' });
    world.proxy.disturb(DEFAULT, null);
    await world.clock.advance(61_000);
    expect(world.proxy.request(DEFAULT).status).toBe(200);
    expect((await events(world, 'route.changed'))[0]?.payload).toMatchObject({ putBack: true });
    const theirs = {
      domain: DEFAULT,
      mark: 'another-store',
      targets: [{ instance: 'x', host: '192.0.2.1', port: 80 }],
    };
    world.proxy.disturb(DEFAULT, theirs);
    await world.clock.advance(200_000);
    expect(await unwrap(world.proxy.get(DEFAULT, FOREVER))).toMatchObject({ mark: 'another-store' });
    expect((await events(world, 'route.changed')).at(-1)?.payload).toMatchObject({ putBack: false });
    await ended(world, deployer);
  });

  it('ends when it is stopped, when its signal says so, and with the deployer', async () => {
    const controller = new AbortController();
    const { world, deployer, watch, name } = await watched({ signal: controller.signal });
    controller.abort();
    await world.clock.until(watch.stop());
    world.engine.kill(name);
    await world.clock.advance(120_000);
    expect(world.proxy.request(DEFAULT).status).not.toBe(200);
    expect(world.engine.watchers.size).toBe(0);
    await unwrap(deployer.watch());
    await world.clock.advance(1_000);
    expect(world.proxy.request(DEFAULT).status).toBe(200);
    await ended(world, deployer);
    expect(world.engine.watchers.size).toBe(0);
    expect((await deployer.watch())._unsafeUnwrapErr().kind).toBe('closed');
  });

  it('of two hosts acts once, and of another engine not at all', async () => {
    const { world, deployer, name } = await watched();
    const second = await deployerIn(world, { store: world.store.connect() });
    await unwrap(second.watch());
    world.engine.kill(name);
    await world.clock.advance(10_000);
    expect(await events(world, 'route.healed')).toHaveLength(2);
    await world.clock.until(second.close());
    await ended(world, deployer);
  });
});
