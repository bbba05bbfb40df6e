/** A stage's line: whose turn it is, among hosts that share a store, and what a request does to those that wait. */
import { describe, expect, it } from 'vitest';
import { type AnyError, unwrap } from '../domain/errors.js';
import { outage, withFaults } from '../testing/index.js';
import { another, closeAll, ends, errorOf, forever, logOf, slowWorld } from './several-hosts.js';
import { brokenPromises, DEV, deployerIn, IMAGE, mortalWorld, push } from './testbed.js';
import type { Deployer } from './types.js';

describe('of several hosts', () => {
  it('each deploys on one stage in the order in which they were asked', async () => {
    const tags = ['v1', 'v2', 'v3', 'v4', 'v5', 'v6'];
    const world = slowWorld(...tags);
    const hosts = [await deployerIn(world), await another(world), await another(world)];
    const all: PromiseLike<unknown>[] = [];
    for (const [index, tag] of tags.entries()) {
      const host = hosts[(index * 2) % 3] as Deployer;
      all.push(unwrap(host.deploy({ ...DEV, tag })));
      await world.clock.advance(5);
    }
    const startMs = world.clock.monotonicMs();
    await world.clock.until(Promise.all(all));
    expect(await ends(world)).toEqual(tags.map((tag) => `${tag} succeeded`));
    // Each goes on soon after the one before.
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(6 * 2_500);
    await world.clock.advance(60_000);
    expect(await closeAll(world, ...hosts)).toEqual([]);
  });

  it('who has begun as it was stored goes before who has come to the front meanwhile', async () => {
    const world = slowWorld('v1', 'v2');
    const faulty = withFaults(world.store.connect(), { clock: world.clock, error: outage.store });
    const a = await deployerIn(world, { store: faulty.port });
    await world.clock.advance(100);
    // The older one is stored when the other one holds the stage, and does not know it yet: the answer to that commit takes its time.
    faulty.inject('commit', { kind: 'slow', ms: 500, when: 'before' });
    const waits = a.deploy({ ...DEV, tag: 'v1', idempotencyKey: 'v1' });
    await world.clock.advance(10);
    faulty.inject('commit', { kind: 'slow', ms: 3_000, when: 'after' });
    const begins = a.deploy({ ...DEV, tag: 'v2' });
    const startMs = world.clock.monotonicMs();
    await world.clock.until(Promise.all([unwrap(waits), unwrap(begins)]));
    expect(await ends(world)).toEqual(['v2 succeeded', 'v1 succeeded']);
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(10_000);
    await world.clock.advance(60_000);
    expect(await closeAll(world, a)).toEqual([]);
  });

  it('who waits is told for whom, whoever runs it', async () => {
    const world = slowWorld('v1', 'v2', 'v3');
    const a = await deployerIn(world);
    const b = await another(world);
    const told: [string, string | null][] = [];
    for (const host of [a, b])
      host.on('deployment.waiting', ({ deploymentId, holder, heldFor }) => {
        expect(holder).toBe(a.id);
        told.push([deploymentId, heldFor]);
      });
    const first = await unwrap(a.submit({ ...DEV, tag: 'v1' }));
    await world.clock.advance(200);
    const here = await unwrap(a.submit({ ...DEV, tag: 'v2' }));
    await world.clock.advance(200);
    const there = await unwrap(b.submit({ ...DEV, tag: 'v3' }));
    await world.clock.until(there.result);
    expect(told).toEqual([
      [here.id, first.id],
      [there.id, here.id],
    ]);
    await world.clock.advance(60_000);
    expect(await closeAll(world, a, b)).toEqual([]);
  });

  it('what a closed one has left in the line holds up nobody', async () => {
    const world = slowWorld('v1', 'v2', 'v3');
    const a = await deployerIn(world);
    const b = await another(world);
    const running = a.deploy({ ...DEV, tag: 'v1' });
    const left = a.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(100);
    const waiting = b.deploy({ ...DEV, tag: 'v3' });
    await world.clock.until(a.close());
    expect((await running).isOk()).toBe(true);
    expect((await left)._unsafeUnwrapErr().kind).toBe('closed');
    const startMs = world.clock.monotonicMs();
    await world.clock.until(unwrap(waiting));
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(3_000);
    expect(await ends(world)).toEqual(['v1 succeeded', 'v3 succeeded']);
    await world.clock.until(b.close());
  });

  it('what a dead one has left in the line holds up nobody once its beat has stood still', async () => {
    const world = slowWorld('v1', 'v2');
    const doomed = mortalWorld(world, { commit: 3, when: 'before' });
    const a = await deployerIn(world, doomed.ports);
    // It dies before the lease of what it has submitted: one with a key is stored before it begins.
    doomed.arm();
    void a.submit({ ...DEV, tag: 'v1', idempotencyKey: 'first' });
    void a.submit({ ...DEV, tag: 'v1', idempotencyKey: 'second' });
    await world.clock.advance(10);
    expect(doomed.isDead).toBe(true);
    const b = await another(world);
    const startMs = world.clock.monotonicMs();
    await world.clock.until(unwrap(b.deploy({ ...DEV, tag: 'v2' })));
    const tookMs = world.clock.monotonicMs() - startMs;
    expect(tookMs).toBeGreaterThan(30_000);
    expect(tookMs).toBeLessThan(36_000);
    await world.clock.until(b.close());
  });
});

describe('a request that supersedes', () => {
  it('ends those that wait, of every host, and waits for what runs', async () => {
    const world = slowWorld('v1', 'v2', 'v3', 'v4');
    const a = await deployerIn(world);
    const b = await another(world);
    const running = a.deploy({ ...DEV, tag: 'v1' });
    const here = await unwrap(a.submit({ ...DEV, tag: 'v2' }));
    const there = b.deploy({ ...DEV, tag: 'v3' });
    await world.clock.advance(500);
    const newest = await unwrap(b.submit({ ...DEV, tag: 'v4', policy: 'supersede' }));
    const startMs = world.clock.monotonicMs();
    for (const waiting of [here.result, there])
      expect(await errorOf(world, waiting)).toMatchObject({
        kind: 'superseded',
        retryable: false,
        deployment: { status: 'superseded', supersededBy: newest.id },
      });
    expect(world.clock.monotonicMs() - startMs).toBeLessThanOrEqual(250);
    expect(await logOf(b, here.id)).toEqual([expect.stringContaining(`Deployment ${newest.id} of v4 took its place`)]);
    expect((await world.clock.until(running)).isOk()).toBe(true);
    await world.clock.until(unwrap(newest.result));
    expect(await ends(world)).toEqual(['v2 superseded', 'v3 superseded', 'v1 succeeded', 'v4 succeeded']);
    await world.clock.advance(60_000);
    expect(await closeAll(world, a, b)).toEqual([]);
  });

  it('may cancel what runs, whoever runs it', async () => {
    const world = slowWorld('v1', 'v2');
    const a = await deployerIn(world);
    const b = await another(world);
    const running = a.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(500);
    const newest = await unwrap(b.submit({ ...DEV, tag: 'v2', by: 'ci', policy: 'supersede', running: 'cancel' }));
    const startMs = world.clock.monotonicMs();
    const error = await errorOf(world, running);
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(1_000);
    expect(error).toMatchObject({ kind: 'cancelled', deployment: { status: 'cancelled' } });
    expect(error.message).toContain(`by ci: superseded by ${newest.id}`);
    await world.clock.until(unwrap(newest.result));
    expect(await closeAll(world, a, b)).toEqual([]);
  });

  it('ends more of them than one commit holds', async () => {
    const world = slowWorld('v1', 'v2', 'v3');
    const a = await deployerIn(world);
    const running = a.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(100);
    const waiting = [];
    for (let count = 0; count < 95; count += 1) waiting.push(a.deploy({ ...DEV, tag: 'v2' }));
    await world.clock.advance(100);
    const newest = a.deploy({ ...DEV, tag: 'v3', policy: 'supersede' });
    const kinds = (await world.clock.until(Promise.all(waiting))).map((each) => each._unsafeUnwrapErr().kind);
    expect(new Set(kinds)).toEqual(new Set(['superseded']));
    await world.clock.until(unwrap(running));
    await world.clock.until(unwrap(newest));
    await world.clock.advance(60_000);
    expect(await closeAll(world, a)).toEqual([]);
  });

  it('is what every request of a stage does that is configured so, unless it says otherwise', async () => {
    const world = slowWorld('v1', 'v2', 'v3', 'v4');
    const stages = { dev: { port: 3000, policy: 'supersede' as const, running: 'cancel' as const } };
    const a = await deployerIn(world, { projects: { shop: { image: IMAGE, stages } } });
    const first = a.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(500);
    const second = a.deploy({ ...DEV, tag: 'v2', policy: 'queue' });
    await world.clock.advance(100);
    const third = a.deploy({ ...DEV, tag: 'v3', running: 'finish' });
    expect((await errorOf(world, second)).kind).toBe('superseded');
    expect((await world.clock.until(first)).isOk()).toBe(true);
    await world.clock.advance(500);
    const last = a.deploy({ ...DEV, tag: 'v4' });
    expect((await errorOf(world, third)).kind).toBe('cancelled');
    await world.clock.until(unwrap(last));
    await world.clock.advance(60_000);
    expect(await closeAll(world, a)).toEqual([]);
  });

  it('of two at once the later one wins', async () => {
    const world = slowWorld('v1', 'v2', 'v3');
    const a = await deployerIn(world);
    const b = await another(world);
    const running = a.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(100);
    const both = [a, b].map((host, index) => host.deploy({ ...DEV, tag: `v${index + 2}`, policy: 'supersede' }));
    const answers = await world.clock.until(Promise.all(both));
    expect(answers.filter((each) => each.isOk()).length).toBe(1);
    expect(answers.find((each) => each.isErr())?._unsafeUnwrapErr().kind).toBe('superseded');
    await world.clock.until(unwrap(running));
    await world.clock.advance(60_000);
    expect(await closeAll(world, a, b)).toEqual([]);
  });
});

describe('a request that is to be rejected', () => {
  const rejected = (deployer: Deployer, tag: string) => deployer.submit({ ...DEV, tag, policy: 'reject' });

  it('is refused where another one runs, with who, since when, for what, and how that is ended', async () => {
    const world = slowWorld('v1', 'v2');
    const a = await deployerIn(world);
    const b = await another(world);
    const running = await unwrap(a.submit({ ...DEV, tag: 'v1' }));
    await world.clock.advance(1_000);
    const error: AnyError = await errorOf(world, rejected(b, 'v2'));
    expect(error).toMatchObject({
      kind: 'stage-busy',
      retryable: true,
      details: { holder: a.id, since: expect.any(Number), deployment: running.id },
    });
    expect(error.message).toMatch(
      new RegExp(`"dev" of project "shop" .*host ${a.id} .*${running.id} for 1 s, since 2026`),
    );
    expect(error.hint).toContain(`cancel('${running.id}')`);
    await world.clock.until(unwrap(running.result));
    await world.clock.until(unwrap(b.deploy({ ...DEV, tag: 'v2', policy: 'reject' })));
    await world.clock.advance(60_000);
    expect(await closeAll(world, a, b)).toEqual([]);
    const { length } = await unwrap(world.store.connect().list('deployments', {}, forever));
    expect(length).toBe(2);
  });

  it('is refused where another one waits', async () => {
    const world = slowWorld('v1', 'v2', 'v3');
    const a = await deployerIn(world);
    const both = [a.deploy({ ...DEV, tag: 'v1' }), a.deploy({ ...DEV, tag: 'v2' })];
    const error = await errorOf(world, rejected(await another(world), 'v3'));
    expect(error).toMatchObject({ kind: 'stage-busy' });
    await world.clock.until(Promise.all(both));
  });

  it('of several at once one is taken', async () => {
    const world = slowWorld('v1', 'v2', 'v3');
    const hosts = [await deployerIn(world), await another(world), await another(world)];
    const answers = await world.clock.until(Promise.all(hosts.map((host, index) => rejected(host, `v${index + 1}`))));
    expect(answers.filter((each) => each.isOk()).length).toBe(1);
    for (const each of answers) if (each.isErr()) expect(each.error.kind).toBe('stage-busy');
    for (const each of answers) if (each.isOk()) await world.clock.until(each.value.result);
    expect(await closeAll(world, ...hosts)).toEqual([]);
  });

  it('is taken where only a closed host’s request waits, which nobody runs', async () => {
    const world = slowWorld('v1', 'v2', 'v3');
    const a = await deployerIn(world);
    void a.deploy({ ...DEV, tag: 'v1' });
    void a.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(100);
    await world.clock.until(a.close());
    const b = await another(world);
    await world.clock.until(unwrap(b.deploy({ ...DEV, tag: 'v3', policy: 'reject' })));
    await world.clock.until(b.close());
  });
});

describe('a close', () => {
  it('that cancels what runs leaves in the queue what is queued', async () => {
    const world = slowWorld('v1');
    push(world, 'v2');
    const a = await deployerIn(world);
    const b = await another(world);
    const running = a.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(100);
    const inLine = a.deploy({ ...DEV, tag: 'v2' });
    const inFront = b.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(500);
    await world.clock.until(b.close({ running: 'cancel' }));
    expect((await inFront)._unsafeUnwrapErr().kind).toBe('closed');
    await world.clock.until(a.close({ running: 'cancel' }));
    expect((await running)._unsafeUnwrapErr()).toMatchObject({
      kind: 'cancelled',
      message: expect.stringContaining('its host was closed'),
    });
    expect((await inLine)._unsafeUnwrapErr().kind).toBe('closed');
    expect(world.clock.pending).toBe(0);
    const stored = await unwrap(world.store.connect().list('deployments', {}, forever));
    expect(stored.map(({ value }) => value.status)).toEqual(['cancelled', 'queued', 'queued']);
    expect(world.engine.containers.size).toBe(0);
  });

  it('does not begin what is stored only then', async () => {
    const world = slowWorld('v1');
    const faulty = withFaults(world.store.connect(), { clock: world.clock, error: outage.store });
    const a = await deployerIn(world, { store: faulty.port });
    await world.clock.advance(100);
    faulty.inject('commit', { kind: 'slow', ms: 3_000 });
    faulty.inject('commit', { kind: 'slow', ms: 5_000 });
    const both = ['first', 'second'].map((idempotencyKey) => a.deploy({ ...DEV, tag: 'v1', idempotencyKey }));
    await world.clock.advance(1_000);
    await world.clock.until(a.close());
    for (const each of both) expect((await each)._unsafeUnwrapErr().kind).toBe('closed');
    const stored = await unwrap(world.store.connect().list('deployments', {}, forever));
    expect(stored.map(({ value }) => value.status)).toEqual(['queued', 'queued']);
    expect(world.clock.pending).toBe(0);
  });

  /** What becomes of a deployment that is being stored, and begins with that, while its deployer closes. */
  async function closedAmidStoring(options: Parameters<Deployer['close']>[0]) {
    const world = slowWorld('v1');
    const faulty = withFaults(world.store.connect(), { clock: world.clock, error: outage.store });
    const a = await deployerIn(world, { store: faulty.port });
    await world.clock.advance(100);
    faulty.inject('commit', { kind: 'slow', ms: 3_000 });
    const answer = a.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(1_000);
    const closed = a.close(options);
    const ended = await world.clock.until(answer);
    await world.clock.until(closed);
    expect(world.clock.pending).toBe(0);
    expect(await brokenPromises(world)).toEqual([]);
    return ended;
  }

  it('finishes what began as it was stored', async () => {
    expect((await closedAmidStoring({}))._unsafeUnwrap()).toMatchObject({ status: 'succeeded' });
  });

  it('cancels what began as it was stored where it cancels what runs', async () => {
    expect((await closedAmidStoring({ running: 'cancel' }))._unsafeUnwrapErr()).toMatchObject({
      kind: 'cancelled',
      deployment: { status: 'cancelled' },
    });
  });

  it('ends the waiting for what others run', async () => {
    const world = slowWorld('v1');
    const a = await deployerIn(world);
    const b = await another(world);
    const { id, result } = await unwrap(a.submit({ ...DEV, tag: 'v1' }));
    const followed = b.result(id);
    await world.clock.advance(100);
    await b.close();
    expect((await followed)._unsafeUnwrapErr().kind).toBe('closed');
    await world.clock.until(unwrap(result));
    expect(await closeAll(world, a)).toEqual([]);
  });
});
