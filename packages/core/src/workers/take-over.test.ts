/** What becomes of what a host has left in the queue: its group's workers run it, or, in the end, it is abandoned. */
import { describe, expect, it } from 'vitest';
import { another, closeAll, ends, errorOf, forever, logOf, slowWorld } from '../deployer/several-hosts.js';
import { DEV, deployerIn, IMAGE, mortalWorld, push, settled, watchTraffic } from '../deployer/testbed.js';
import type { Deployer, DeployerOptions } from '../deployer/types.js';
import { unwrap } from '../domain/errors.js';
import type { CancelRecord, DeploymentRecord, HostRecord } from '../domain/records.js';
import { EVENT_STREAM, type StoredEvent } from '../events/types.js';
import { type MemoryWorld, memorySealer, memoryWorld, outage, withFaults } from '../testing/index.js';

const BLUE = { worker: { group: 'blue' } };
const HOUR_MS = 3_600_000;

/** A host that has submitted these tags and dies before it begins with the first of them. */
async function deadHost(world: MemoryWorld, options: Partial<DeployerOptions>, ...tags: readonly string[]) {
  const doomed = mortalWorld(world, { commit: tags.length + 1, when: 'before' });
  const deployer = await deployerIn(world, { ...options, ...doomed.ports });
  // A worker's first beat is not one of them.
  await world.clock.advance(10);
  doomed.arm();
  // One with a key is stored before it begins.
  for (const tag of tags) void deployer.submit({ ...DEV, tag, idempotencyKey: tag });
  await world.clock.advance(10);
  expect(doomed.isDead).toBe(true);
  doomed.bury();
  expect(await statuses(world)).toEqual(tags.map((tag) => `${tag} queued`));
  return deployer;
}

const records = async (world: MemoryWorld): Promise<DeploymentRecord[]> =>
  (await unwrap(world.store.connect().list('deployments', {}, forever))).map(({ value }) => value);
const statuses = async (world: MemoryWorld) => (await records(world)).map(({ tag, status }) => `${tag} ${status}`);
const hostsOf = async (world: MemoryWorld): Promise<HostRecord[]> =>
  (await unwrap(world.store.connect().list('hosts', {}, forever))).map(({ value }) => value);
const eventsOf = async (world: MemoryWorld, type: string): Promise<StoredEvent[]> =>
  (await unwrap(world.store.connect().read(EVENT_STREAM, { after: 0 }, forever)))
    .map(({ value }) => value as unknown as StoredEvent)
    .filter((event) => event.type === type);

describe('a worker', () => {
  it('runs what a dead host of its group has left, in its order', async () => {
    const world = slowWorld('v1', 'v2', 'v3');
    const dead = await deadHost(world, BLUE, 'v1', 'v2');
    const b = await another(world, BLUE);
    const own = await unwrap(b.submit({ ...DEV, tag: 'v3' }));
    // Not before its beat has stood still for its ttl: it might only be slow.
    await world.clock.advance(29_000);
    expect(await ends(world)).toEqual([]);
    await world.clock.advance(20_000);
    await world.clock.until(unwrap(own.result));
    expect(await ends(world)).toEqual(['v1 succeeded', 'v2 succeeded', 'v3 succeeded']);
    for (const { host } of await records(world)) expect(host).toBe(b.id);
    const [first] = await records(world);
    expect(await logOf(b, first?.id ?? '')).toContainEqual(
      expect.stringContaining(`Host ${b.id} takes it over: host ${dead.id} is gone.`),
    );
    // Nobody beats that row any more.
    expect((await hostsOf(world)).map(({ id }) => id)).toEqual([b.id]);
    await world.clock.advance(60_000);
    expect(await closeAll(world, b)).toEqual([]);
  });

  it('runs what a closed host of its group has left, at its next beat', async () => {
    const world = slowWorld('v1', 'v2');
    const a = await deployerIn(world, BLUE);
    const b = await another(world, BLUE);
    const c = await another(world);
    const running = a.deploy({ ...DEV, tag: 'v1' });
    const left = await unwrap(a.submit({ ...DEV, tag: 'v2' }));
    const followed = c.result(left.id);
    const lines: string[] = [];
    const log = (async () => {
      for await (const { message } of c.logs(left.id, { follow: true })) lines.push(message);
    })();
    await world.clock.advance(100);
    await world.clock.until(a.close());
    expect((await running).isOk()).toBe(true);
    expect((await errorOf(world, left.result)).kind).toBe('closed');
    const startMs = world.clock.monotonicMs();
    // Whoever follows it does so by the store.
    expect(await world.clock.until(unwrap(followed))).toMatchObject({ tag: 'v2', status: 'succeeded' });
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(13_000);
    await world.clock.until(log);
    expect(lines[0]).toContain('takes it over');
    expect(lines.at(-1)).toContain('v2 is live');
    await world.clock.advance(60_000);
    expect(await closeAll(world, b, c)).toEqual([]);
  });

  it('of several takes over each once', async () => {
    const world = slowWorld('v1', 'v2', 'v3');
    await deadHost(world, BLUE, 'v1', 'v2', 'v3');
    const workers = [await another(world, BLUE), await another(world, BLUE), await another(world, BLUE)];
    await world.clock.advance(90_000);
    expect(await ends(world)).toEqual(['v1 succeeded', 'v2 succeeded', 'v3 succeeded']);
    const logs = await Promise.all((await records(world)).map(({ id }) => logOf(workers[0] as Deployer, id)));
    for (const log of logs) expect(log.filter((line) => line.includes('takes it over')).length).toBe(1);
    await world.clock.advance(60_000);
    expect(await closeAll(world, ...workers)).toEqual([]);
  });

  it('leaves alone what is another group’s, nobody’s, or a live host’s', async () => {
    const world = slowWorld('v0', 'v1', 'v2', 'v3');
    await deadHost(world, { worker: { group: 'green' } }, 'v1');
    const nobody = await deployerIn(world, {});
    const live = await another(world, BLUE);
    const b = await another(world, BLUE);
    const running = b.deploy({ ...DEV, tag: 'v0' });
    await world.clock.advance(100);
    const closed = nobody.deploy({ ...DEV, tag: 'v2' });
    const kept = await unwrap(live.submit({ ...DEV, tag: 'v3' }));
    await world.clock.advance(100);
    await world.clock.until(nobody.close());
    expect((await errorOf(world, closed)).kind).toBe('closed');
    await world.clock.until(unwrap(running));
    await world.clock.until(unwrap(kept.result));
    await world.clock.advance(120_000);
    expect(await statuses(world)).toEqual(['v1 queued', 'v0 succeeded', 'v2 queued', 'v3 succeeded']);
    expect((await records(world)).at(-1)?.host).toBe(live.id);
    await world.clock.until(live.close());
    await world.clock.until(b.close());
    expect(world.clock.pending).toBe(0);
  });

  it('that was only slow hears from the store what has become of what was taken from it', async () => {
    const world = slowWorld('v2');
    world.engine.push(`${IMAGE}:v1`, { listensAfterMs: 70_000, body: 'v1' });
    const slow = withFaults(world.store.connect(), { clock: world.clock, error: outage.store });
    const stages = { dev: { port: 3000, healthcheck: { startPeriod: '2m' as const } } };
    const options = { ...BLUE, projects: { shop: { image: IMAGE, stages } } };
    const a = await deployerIn(world, { ...options, store: slow.port });
    const b = await another(world, options);
    const holder = await another(world, options);
    const running = holder.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(100);
    const waiting = a.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(1_000);
    // It reads, and cannot beat.
    slow.inject('commit', { kind: 'fail-before' }, 45);
    await world.clock.advance(50_000);
    expect((await records(world))[1]?.host).not.toBe(a.id);
    await world.clock.until(unwrap(running));
    expect(await world.clock.until(unwrap(waiting))).toMatchObject({ tag: 'v2', status: 'succeeded' });
    expect(await ends(world)).toEqual(['v1 succeeded', 'v2 succeeded']);
    await world.clock.advance(60_000);
    expect(await closeAll(world, a, b, holder)).toEqual([]);
  });

  it('that was only slow runs what was taken from it where the one that took it closes first', async () => {
    const world = slowWorld('v2');
    world.engine.push(`${IMAGE}:v1`, { listensAfterMs: 100_000, body: 'v1' });
    const slow = withFaults(world.store.connect(), { clock: world.clock, error: outage.store });
    const stages = { dev: { port: 3000, healthcheck: { startPeriod: '3m' as const } } };
    const projects = { shop: { image: IMAGE, stages } };
    const a = await deployerIn(world, { ...BLUE, projects, store: slow.port });
    const b = await another(world, { ...BLUE, projects });
    const holder = await another(world, { projects });
    const running = holder.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(100);
    const waiting = a.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(1_000);
    slow.inject('commit', { kind: 'fail-before' }, 45);
    await world.clock.advance(50_000);
    expect((await records(world))[1]?.host).toBe(b.id);
    await world.clock.until(b.close());
    await world.clock.until(unwrap(running));
    expect(await world.clock.until(unwrap(waiting), 120_000)).toMatchObject({ tag: 'v2', status: 'succeeded' });
    expect((await records(world))[1]?.host).toBe(a.id);
    await world.clock.advance(60_000);
    expect(await closeAll(world, a, holder)).toEqual([]);
  });
});

/** The host that submits dies at its n-th commit from then on; another worker of its group is there all the time. */
async function dies(commit: number, when: 'before' | 'after') {
  const world = memoryWorld();
  push(world, 'v1', 'v2', 'v9');
  const doomed = mortalWorld(world, { commit, when });
  const a = await deployerIn(world, { ...BLUE, ...doomed.ports });
  const b = await another(world, BLUE);
  await settled(world, b, 'v1');
  const traffic = watchTraffic(world);
  doomed.arm();
  void a.submit({ ...DEV, tag: 'v2' });
  await world.clock.advance(120_000);
  if (!doomed.isDead) await world.clock.until(Promise.race([a.close(), doomed.death]));
  const { isDead } = doomed;
  doomed.bury();
  const next = await world.clock.until(b.deploy({ ...DEV, tag: 'v9' }), 600_000);
  await world.clock.advance(120_000);
  const broken = [
    ...traffic(),
    ...(next.isErr() ? [`the next deployment: ${next.error.message}`] : []),
    ...(await closeAll(world, b)),
  ];
  return { broken, isDead };
}

describe('wherever its host dies', () => {
  it.each(['before', 'after'] as const)(
    '%s a commit, a deployment ends, and once',
    { timeout: 60_000 },
    async (when) => {
      const found: string[] = [];
      let commit = 1;
      for (; ; commit += 1) {
        const { broken, isDead } = await dies(commit, when).catch((thrown: unknown) => ({
          broken: [`stuck: ${thrown}`],
          isDead: true,
        }));
        if (broken.length > 0) found.push(`commit ${commit}: ${broken.join(' | ')}`);
        if (!isDead) break;
      }
      expect(commit).toBeGreaterThan(5);
      expect(found).toEqual([]);
    },
  );
});

describe('what a worker cannot run', () => {
  const OTHER = { ...BLUE, projects: { other: { image: IMAGE, stages: { dev: { port: 3000 } } } } };

  it('is marked, told of once, holds up nobody, and goes to one that can', async () => {
    const world = slowWorld('v1', 'v2');
    await deadHost(world, BLUE, 'v1');
    const unable = await another(world, OTHER);
    await world.clock.advance(90_000);
    const [left] = await records(world);
    expect(left).toMatchObject({ status: 'queued', needsHost: expect.stringContaining('no project "shop"') });
    expect(await eventsOf(world, 'deployment.needs-host')).toMatchObject([
      { payload: { deployment: { id: left?.id }, reason: left?.needsHost } },
    ]);
    const stranger = await another(world);
    await world.clock.until(unwrap(stranger.deploy({ ...DEV, tag: 'v2' })));
    expect(await ends(world)).toEqual(['v2 succeeded']);
    const able = await another(world, BLUE);
    await world.clock.advance(20_000);
    expect(await records(world)).toMatchObject([{ status: 'succeeded', needsHost: null, host: able.id }, {}]);
    expect(await eventsOf(world, 'deployment.needs-host')).toHaveLength(1);
    await world.clock.advance(60_000);
    expect(await closeAll(world, unable, stranger, able)).toEqual([]);
  });

  it('is what another key has sealed', async () => {
    const world = slowWorld('v1');
    const doomed = mortalWorld(world, { commit: 2, when: 'before' });
    const a = await deployerIn(world, { ...BLUE, ...doomed.ports, sealer: memorySealer('theirs') });
    await world.clock.advance(10);
    doomed.arm();
    void a.submit({ ...DEV, tag: 'v1', env: { TOKEN: 'hunter2' }, idempotencyKey: 'v1' });
    await world.clock.advance(10);
    doomed.bury();
    const keyless = await another(world, BLUE);
    const foreign = await another(world, { ...BLUE, sealer: memorySealer('ours') });
    await world.clock.advance(90_000);
    const [left] = await records(world);
    expect(left).toMatchObject({ status: 'queued', needsHost: expect.stringMatching(/key|opened/) });
    expect(await eventsOf(world, 'deployment.needs-host')).toHaveLength(1);
    const able = await another(world, { ...BLUE, sealer: memorySealer('theirs') });
    await world.clock.advance(20_000);
    expect(await records(world)).toMatchObject([{ status: 'succeeded', host: able.id }]);
    await world.clock.advance(60_000);
    expect(await closeAll(world, keyless, foreign, able)).toEqual([]);
  });
});

describe('what nobody can run', () => {
  it('is abandoned after its time, by whoever is there', async () => {
    const world = slowWorld('v1');
    const dead = await deadHost(world, {}, 'v1');
    const b = await another(world, { settings: { domain: 'apps.test', abandonAfterMs: HOUR_MS } });
    await world.clock.advance(HOUR_MS - 20_000);
    expect(await statuses(world)).toEqual(['v1 queued']);
    await world.clock.advance(40_000);
    expect(await ends(world)).toEqual(['v1 abandoned']);
    const [left] = await records(world);
    const error = await errorOf(world, b.result(left?.id ?? ''));
    expect(error).toMatchObject({ kind: 'abandoned', deployment: { status: 'abandoned' } });
    expect(error.message).toContain(`for 1 hours: host ${dead.id} is gone`);
    expect(await logOf(b, left?.id ?? '')).toEqual([expect.stringContaining('Nobody could run it')]);
    expect(await closeAll(world, b)).toEqual([]);
  });

  it('is none that waits for a long time behind another one', async () => {
    const world = slowWorld('v2');
    world.engine.push(`${IMAGE}:v1`, { listensAfterMs: 100_000, body: 'v1' });
    const options = {
      settings: { domain: 'apps.test', abandonAfterMs: 60_000 },
      projects: {
        shop: { image: IMAGE, stages: { dev: { port: 3000, healthcheck: { startPeriod: '5m' as const } } } },
      },
    };
    const a = await deployerIn(world, options);
    const b = await another(world, options);
    const both = [a.deploy({ ...DEV, tag: 'v1' }), a.deploy({ ...DEV, tag: 'v2' })];
    for (const each of await world.clock.until(Promise.all(both))) expect(each.isOk()).toBe(true);
    await world.clock.advance(60_000);
    expect(await closeAll(world, a, b)).toEqual([]);
  });

  it('is none that a worker has taken over', async () => {
    const world = slowWorld('v1');
    await deadHost(world, BLUE, 'v1');
    const stranger = await another(world, { settings: { domain: 'apps.test', abandonAfterMs: 1_000 } });
    // Nobody was there for a while: a worker that is started anew finds it all the same.
    await world.clock.advance(55_000);
    const b = await another(world, BLUE);
    await world.clock.advance(10_000);
    expect(await ends(world)).toEqual(['v1 succeeded']);
    await world.clock.advance(60_000);
    expect(await closeAll(world, stranger, b)).toEqual([]);
  });
});

describe('at a beat', () => {
  it('a host finds what it has stored and given up as lost', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    let looks = 0;
    const faulty = withFaults(world.store.connect(), {
      clock: world.clock,
      error: outage.store,
      // Looking for it fails for as long as it is looked for.
      plan: ({ method, args }) =>
        method === 'get' && args[0] === 'deployments' && ++looks <= 11 ? { kind: 'fail-before' } : undefined,
    });
    const a = await deployerIn(world, { store: faulty.port });
    faulty.inject('commit', { kind: 'fail-after' });
    const error = await errorOf(world, a.deploy({ ...DEV, tag: 'v1', idempotencyKey: 'v1' }));
    expect(error.kind).toBe('store-unavailable');
    expect(await statuses(world)).toEqual(['v1 queued']);
    await world.clock.advance(15_000);
    expect(await statuses(world)).toEqual(['v1 succeeded']);
    await world.clock.advance(60_000);
    expect(await closeAll(world, a)).toEqual([]);
  });

  it('a host ends what it could not write down as cancelled, and does not begin it', async () => {
    const world = slowWorld('v1', 'v2');
    const faulty = withFaults(world.store.connect(), { clock: world.clock, error: outage.store });
    const a = await deployerIn(world, { store: faulty.port });
    const b = await another(world);
    const running = b.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(100);
    const hangUp = new AbortController();
    const waiting = a.deploy({ ...DEV, tag: 'v2' }, { signal: hangUp.signal });
    await world.clock.advance(100);
    faulty.inject('get', { kind: 'fail-before' }, 2);
    hangUp.abort();
    expect((await errorOf(world, waiting)).kind).toBe('cancelled');
    await world.clock.until(unwrap(running));
    await world.clock.advance(30_000);
    expect(await ends(world)).toEqual(['v1 succeeded', 'v2 cancelled']);
    expect(await closeAll(world, a, b)).toEqual([]);
  });

  it('what is left of cancels that came too late is cleared away', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const a = await deployerIn(world);
    const { id } = await world.clock.until(unwrap(a.deploy({ ...DEV, tag: 'v1' })));
    const record: CancelRecord = { id, at: 0, by: null, reason: null };
    await world.store.connect().commit([{ op: 'insert', collection: 'cancels', record }], forever);
    await world.clock.advance(20_000);
    expect(await unwrap(world.store.list('cancels', {}, forever))).toEqual([]);
    expect(await closeAll(world, a)).toEqual([]);
  });
});
