/**
 * The traces by which traffic or data would get lost, one by one, each told by what happens in it. Of each the rule that closes it is in
 * docs/architecture.md; that numbers drawn by two writers do not come out of order is a law of the store.
 */
import { err, ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { closeAll, ends } from '../deployer/several-hosts.js';
import { DEFAULT, DEV, deployerIn, IMAGE, mortalWorld, push, settled } from '../deployer/testbed.js';
import { type AbortedError, aborted, unwrap } from '../domain/errors.js';
import type { ContainerRuntime } from '../ports/container-runtime.js';
import type { ProxyManager } from '../ports/proxy-manager.js';
import {
  type MemoryWorld,
  memoryEngine,
  memoryProxy,
  memoryRuntime,
  memoryStore,
  memoryWorld,
  outage,
  withFaults,
} from '../testing/index.js';
import {
  another,
  DEATHS,
  died,
  FOREVER,
  hasContainer,
  NOTHING,
  QUIET_MS,
  record,
  recovered,
  TTL_MS,
} from './testbed.js';

const v1 = { status: 200, instance: expect.any(String) };

/** The first call of the method hangs until it is given up, and works 200 ms after that all the same. */
function late<P extends object>(world: MemoryWorld, port: P, method: keyof P & string): P {
  let isDone = false;
  return new Proxy(port, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (property !== method || typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (isDone) return Reflect.apply(value, target, args);
        isDone = true;
        const { signal } = args.at(-1) as { readonly signal: AbortSignal };
        const works = () =>
          void Reflect.apply(value, target, [...args.slice(0, -1), { ...(args.at(-1) as object), ...FOREVER }]);
        return new ResultAsync<never, AbortedError>(
          new Promise((resolve) => {
            const giveUp = () => {
              world.clock.after(200, works);
              resolve(err(aborted(method, signal.reason)));
            };
            signal.addEventListener('abort', giveUp, { once: true });
          }),
        );
      };
    },
  });
}

const containers = ({ engine }: MemoryWorld): string[] => [...engine.containers.keys()];

describe('what is ours', () => {
  it('a second store on the engine finds containers that are in no record of its own, and touches none', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const service = await deployerIn(world);
    await settled(world, service, 'v1');
    const before = containers(world);
    const other = await deployerIn(world, { store: memoryStore({ storeId: 'folder0000b0' }) });
    expect(await recovered(world, other)).toEqual(NOTHING);
    expect((await unwrap(other.prune({ unowned: true }))).unowned).toEqual({ containers: [], routes: [] });
    // Nor does it get the domain that the first one has.
    const taken = await world.clock.until(other.deploy({ ...DEV, tag: 'v2' }));
    expect(taken._unsafeUnwrapErr().kind).toBe('domain-taken');
    expect([containers(world), world.proxy.request(DEFAULT)]).toEqual([before, v1]);
    await world.clock.until(other.close());
    expect(await closeAll(world, service)).toEqual([]);
  });

  it('a store that was put back from a copy finds what came after the copy, tells of it, and touches none', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const service = await deployerIn(world);
    await settled(world, service, 'v1');
    const before = containers(world);
    // Of the same id, and without a record of anything.
    const copy = memoryStore({ storeId: service.storeId });
    const restored = await deployerIn(world, { store: copy, recover: 'manual' });
    const { unowned, ...rest } = await recovered(world, restored);
    expect(unowned).toEqual({ containers: before, routes: expect.arrayContaining([DEFAULT]) });
    expect(rest).toMatchObject({ settled: [], lost: [], finished: [] });
    expect([containers(world), world.proxy.request(DEFAULT)]).toEqual([before, v1]);
    await world.clock.until(restored.close());
    expect(await closeAll(world, service)).toEqual([]);
  });

  it('hosts with an engine each share a store: one finds nothing of the other’s in its own, and takes nothing of it for gone', async () => {
    const { world, id } = await died(DEATHS.moved);
    const engine = memoryEngine(world.clock, { identity: 'engine-2' });
    const proxy = memoryProxy(engine, { identity: 'proxy-2' });
    const elsewhere = await another(world, { runtime: memoryRuntime(engine), proxy });
    await unwrap(elsewhere.watch());
    expect(await recovered(world, elsewhere)).toMatchObject({ settled: [], lost: [], needsHost: [{ deployment: id }] });
    await world.clock.advance(300_000);
    const all = await unwrap(world.store.connect().list('instances', {}, FOREVER));
    expect(all.map(({ value }) => value.state)).toEqual(['running']);
    expect([hasContainer(world, id), world.proxy.request(DEFAULT)]).toEqual([true, { status: 200, instance: id }]);
    const back = await another(world);
    expect(await recovered(world, back)).toMatchObject({ settled: [{ deployment: id }] });
    expect(world.proxy.request(DEFAULT)).toEqual({ status: 200, instance: all[0]?.value.id });
    await world.clock.until(elsewhere.close());
    expect(await closeAll(world, back)).toEqual([]);
  });
});

describe('unknown outcomes', () => {
  it('a create is given up, its removal finds nothing, and the engine makes the container 200 ms later', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const runtime = late(world, world.runtime, 'create');
    const deployer = await deployerIn(world, { runtime });
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }));
    expect(answer._unsafeUnwrapErr()).toMatchObject({ step: 'create' });
    await world.clock.advance(120_000);
    expect(containers(world)).toEqual([]);
    expect(await closeAll(world, deployer)).toEqual([]);
  });

  it('a proxy makes a route 200 ms after everybody has given it up', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const proxy = late(world, world.proxy as ProxyManager, 'put');
    const deployer = await deployerIn(world, { proxy });
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }));
    expect(answer.isErr()).toBe(true);
    await world.clock.advance(120_000);
    expect(await unwrap(world.proxy.list({ storeId: deployer.storeId }, FOREVER))).toEqual([]);
    expect(await closeAll(world, deployer)).toEqual([]);
  });

  it('the route leads to the new one, the proof fails, and so does leading it back: the new one stays for as long', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    let isDown = false;
    const { port: proxy, inject } = withFaults(world.proxy as ProxyManager, {
      clock: world.clock,
      error: outage.proxy,
      plan: ({ method }) => (isDown && method === 'put' ? { kind: 'fail-before' } : undefined),
    });
    const deployer = await deployerIn(world, { proxy });
    await settled(world, deployer, 'v1');
    deployer.on('deployment.rolling-back', () => {
      isDown = true;
    });
    inject('prove', { kind: 'fail-before' }, 2);
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v2' }));
    const { deployment } = answer._unsafeUnwrapErr();
    expect(deployment).toMatchObject({ status: 'failed', cleanup: 'pending' });
    expect(world.proxy.request(DEFAULT)).toEqual({ status: 200, instance: deployment?.id });
    isDown = false;
    await world.clock.advance(120_000);
    expect(hasContainer(world, deployment?.id ?? '')).toBe(false);
    expect(world.proxy.request(DEFAULT)).toEqual(v1);
    expect(await closeAll(world, deployer)).toEqual([]);
  });
});

describe('leases', () => {
  it('a host stalls with its route on the way, another one takes over, deploys and retires, and the route arrives', async () => {
    // As late as the first one's lease allows: it was renewed just before, and outlasts the call by its margin.
    const lateMs = TTL_MS + QUIET_MS - 2_000;
    const world = memoryWorld();
    const options = { projects: { shop: { image: IMAGE, stages: { dev: { port: 3000, maxInstances: 1 } } } } };
    await died({ ...DEATHS.moving, when: { lateMs } }, { world, options });
    const next = await another(world, options);
    const deployed = await world.clock.until(unwrap(next.deploy({ ...DEV, tag: 'v3' })), 600_000);
    await world.clock.advance(120_000);
    expect(world.proxy.request(DEFAULT)).toEqual({ status: 200, instance: deployed.id });
    expect(await closeAll(world, next)).toEqual([]);
  });

  it('a watcher has read where the default is, a deployment leads it away and removes that, and the watcher writes', async () => {
    const plain = memoryWorld();
    const proxy = memoryProxy(plain.engine, { reaches: [{ kind: 'address', node: plain.engine.node }] });
    const world = { ...plain, proxy };
    push(world, 'v1', 'v2');
    const projects = { shop: { image: IMAGE, stages: { dev: { port: 3000, maxInstances: 1 } } } };
    const a = await deployerIn(world, { projects });
    await settled(world, a, 'v1');
    const slow = withFaults(world.proxy as ProxyManager, { clock: world.clock, error: outage.proxy });
    const b = await another(world, { projects, proxy: slow.port });
    await unwrap(b.watch());
    await world.clock.advance(1_000);
    const [old] = containers(world);
    slow.inject('put', { kind: 'slow', ms: 5_000, when: 'before' }, 2);
    world.engine.kill(old ?? '');
    await world.clock.advance(100);
    const deployed = await world.clock.until(unwrap(a.deploy({ ...DEV, tag: 'v2' })));
    await world.clock.advance(120_000);
    expect(slow.pending).toBeLessThan(2);
    expect(world.proxy.request(DEFAULT)).toEqual({ status: 200, instance: deployed.id });
    expect(await closeAll(world, a, b)).toEqual([]);
  });
});

describe('cutover', () => {
  it('the proxy takes a change and does not apply it, while the old instance answers 200', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const deployer = await deployerIn(world);
    await settled(world, deployer, 'v1');
    const [instance] = (await unwrap(world.store.connect().list('instances', {}, FOREVER))).map(
      ({ value }) => value.id,
    );
    world.proxy.lie(true);
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v2' }));
    expect(answer._unsafeUnwrapErr().kind).toBe('route-unproved');
    expect(world.proxy.request(DEFAULT)).toEqual({ status: 200, instance });
    world.proxy.lie(false);
    await world.clock.advance(120_000);
    expect(world.proxy.request(DEFAULT)).toEqual({ status: 200, instance });
    expect(await closeAll(world, deployer)).toEqual([]);
  });

  it('a stop of what retires is on the way, its host stalls, another one leads back to it, and the stop arrives', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const projects = { shop: { image: IMAGE, stages: { dev: { port: 3000, maxInstances: 1, drain: 0 } } } };
    const doomed = mortalWorld(
      { ...world, store: world.store.connect() },
      { commit: Number.POSITIVE_INFINITY, when: 'before' },
    );
    let isSent = false;
    const dying = new Proxy(doomed.ports.runtime as ContainerRuntime, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (property !== 'stop' || typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          isSent = true;
          world.clock.after(20_000, () => void world.runtime.stop(args[0] as never, { ...FOREVER, graceMs: 0 }));
          doomed.kill();
          return Reflect.apply(value, target, args);
        };
      },
    });
    const a = await deployerIn(world, { ...doomed.ports, runtime: dying, projects });
    await settled(world, a, 'v1');
    void a.deploy({ ...DEV, tag: 'v2' });
    await world.clock.until(doomed.death);
    doomed.bury();
    expect(isSent).toBe(true);
    const b = await another(world, { projects, recover: 'on-start' });
    const back = await world.clock.until(unwrap(b.rollBack(DEV)), 600_000);
    expect(back).toMatchObject({ status: 'succeeded', tag: 'v1' });
    await world.clock.advance(120_000);
    expect(world.proxy.request(DEFAULT)).toMatchObject({ status: 200 });
    expect(await record(world, 'instances', back.id)).toMatchObject({ state: 'running' });
    expect(await closeAll(world, b)).toEqual([]);
  });
});

describe('who runs what', () => {
  it('a host submits and dies: a stranger deploys past it, and never runs it with an environment of its own', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const doomed = mortalWorld(world, { commit: 2, when: 'before' });
    const dead = await deployerIn(world, { ...doomed.ports });
    await world.clock.advance(10);
    doomed.arm();
    void dead.submit({ ...DEV, tag: 'v1', idempotencyKey: 'v1' });
    await world.clock.advance(10);
    doomed.bury();
    const stranger = await another(world);
    const deployed = await world.clock.until(unwrap(stranger.deploy({ ...DEV, tag: 'v2' })), 120_000);
    expect(deployed.status).toBe('succeeded');
    await world.clock.advance(600_000);
    expect(await ends(world)).toEqual(['v2 succeeded']);
    // It waits for a worker of its group until it is abandoned.
    expect(await closeAll(world, stranger)).toEqual([expect.stringMatching(/^deployment v1 .* is queued$/)]);
  });

  it('somebody pushes every 30 s what takes 40 s to deploy: each one that runs is finished', async () => {
    const world = memoryWorld();
    const tags = ['v1', 'v2', 'v3', 'v4', 'v5', 'v6'];
    for (const tag of tags) world.engine.push(`${IMAGE}:${tag}`, { listensAfterMs: 40_000, body: tag });
    const projects = {
      shop: { image: IMAGE, stages: { dev: { port: 3000, healthcheck: { startPeriod: '60s' as const } } } },
    };
    const deployer = await deployerIn(world, { projects });
    for (const tag of tags) {
      await unwrap(deployer.submit({ ...DEV, tag, policy: 'supersede' }));
      await world.clock.advance(30_000);
    }
    await world.clock.advance(120_000);
    const ended = await ends(world);
    expect(ended.filter((each) => each.endsWith('succeeded')).length).toBeGreaterThanOrEqual(4);
    expect(ended.at(-1)).toBe('v6 succeeded');
    expect(ended.some((each) => each.endsWith('cancelled'))).toBe(false);
    expect(await closeAll(world, deployer)).toEqual([]);
  });
});
