/** Leases between contenders that count on their own clocks, over a store that loses answers. */
import { err, errAsync, ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { aborted, unwrap } from '../domain/errors.js';
import type { Store } from '../ports/store.js';
import { type Faulty, memoryStore, outage, virtualClock, withFaults } from '../testing/index.js';
import { boundedStore } from './bounded-store.js';
import { type LeaseHolder, Leases } from './lease.js';
import { effectUnder } from './under-leases.js';

const TIMING = { ttlMs: 30_000, renewMs: 10_000, effectTimeoutMs: 15_000, absentForMs: 2_000 };
const KEY = 'stage:x';
const signal = () => new AbortController().signal;

function world() {
  const clock = virtualClock();
  const store = memoryStore();
  const host = (name: string, timing = TIMING) => {
    const faulty: Faulty<Store> = withFaults<Store>(store.connect(), { clock, error: outage.store });
    const leases = new Leases(boundedStore(faulty.port, clock, 15_000), clock, name, timing);
    return {
      faulty,
      leases,
      take: (options: Partial<Parameters<Leases['take']>[1]> = {}) =>
        leases.take([KEY], { signal: signal(), deployment: null, ...options }),
    };
  };
  const row = async () => (await unwrap(store.get('leases', KEY, { signal: signal() })))?.value;
  return { clock, store, host, row };
}

const first = async (taken: ReturnType<Leases['take']>) => {
  const [lease] = (await unwrap(taken)).leases;
  if (!lease) throw new Error('no lease');
  return lease;
};

describe('a lease', () => {
  it('is renewed while it is held, and free at once when it is released', async () => {
    const { clock, host, row } = world();
    const lease = await first(host('a').take());
    await clock.advance(120_000);
    expect(lease.lost.aborted).toBe(false);
    expect((await row())?.beat).toBeGreaterThan(10);
    await lease.release({ signal: signal() });
    expect(await row()).toMatchObject({ holder: null, token: lease.fence.token });
    expect(clock.pending).toBe(0);
  });

  it('is waited for, and who waits is told who holds it, once', async () => {
    const { clock, host } = world();
    const held = await first(host('a').take({ deployment: 'd1' }));
    const seen: LeaseHolder[] = [];
    const waiting = host('b').take({ onWait: (holder) => seen.push(holder) });
    await clock.advance(45_000);
    expect(seen).toEqual([{ lease: KEY, holder: 'a', since: expect.any(Number), deployment: 'd1' }]);
    await held.release({ signal: signal() });
    const lease = await clock.until(first(waiting));
    expect(lease.fence.token).toBe(held.fence.token + 1);
    await lease.release({ signal: signal() });
    expect(clock.pending).toBe(0);
  });

  it('goes to a contender together with the others of a dead holder: their ttls do not add up', async () => {
    const { clock, host } = world();
    const keys = ['domain:a', 'domain:b', 'domain:c'];
    const a = host('a');
    const held = await unwrap(a.leases.take(keys, { signal: signal(), deployment: null }));
    a.faulty.inject('commit', { kind: 'fail-before' }, 1_000);
    const startMs = clock.monotonicMs();
    const { leases } = await clock.until(unwrap(host('b').leases.take(keys, { signal: signal(), deployment: null })));
    expect(clock.monotonicMs() - startMs).toBeLessThan(31_000);
    for (const lease of leases) await lease.release({ signal: signal() });
    for (const lease of held.leases) lease.released();
    expect(clock.pending).toBe(0);
  });

  it('goes to a contender when it was not renewed for its own ttl, and never before', async () => {
    const { clock, host } = world();
    const a = host('a');
    const lease = await first(a.take());
    a.faulty.inject('commit', { kind: 'fail-before' }, 1_000);
    const startMs = clock.monotonicMs();
    const taken = await clock.until(first(host('b').take()));
    const tookMs = clock.monotonicMs() - startMs;
    expect(tookMs).toBeGreaterThanOrEqual(30_000);
    expect(tookMs).toBeLessThan(31_000);
    expect(lease.lost.aborted).toBe(true);
    // What the one before was at may still be under way: an effect has to wait for it.
    const mayStart = taken.mayStart(1_000, { signal: signal() });
    await clock.until(unwrap(mayStart));
    expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(30_000 + 16_000);
    await taken.release({ signal: signal() });
    lease.released();
    expect(clock.pending).toBe(0);
  });

  it('of a holder long dead is not waited for once more: what may still be under way counts from the expiry, not from the take-over', async () => {
    const { clock, host } = world();
    const a = host('a');
    const keys = [KEY, 'domain:x'];
    const held = await unwrap(a.leases.take(keys, { signal: signal(), deployment: null }));
    a.faulty.inject('commit', { kind: 'fail-before' }, 1_000);
    const b = host('b').leases;
    const options = { signal: signal(), deployment: null, once: true };
    const startMs = clock.monotonicMs();
    expect((await clock.until(b.take(keys, options))).isErr()).toBe(true);
    await clock.advance(31_000);
    const effects: number[] = [];
    for (const key of keys) {
      const lease = await first(b.take([key], options));
      await clock.until(unwrap(lease.mayStart(1_000, { signal: signal() })));
      effects.push(clock.monotonicMs() - startMs);
      await lease.release({ signal: signal() });
    }
    expect(effects).toEqual([46_000, 46_000]);
    for (const lease of held.leases) lease.released();
    expect(clock.pending).toBe(0);
  });

  it('of a dead holder is taken by one who only looks in now and then', async () => {
    const { clock, host } = world();
    const dead = host('a');
    const lost = await first(dead.take());
    dead.faulty.inject('commit', { kind: 'hang', ignoresSignal: true }, 100);
    const b = host('b');
    let looks = 0;
    for (;;) {
      looks += 1;
      const taken = await clock.until(b.take({ once: true }));
      if (taken.isOk()) break;
      expect(taken.error).toMatchObject({ kind: 'stage-busy', retryable: true });
      expect(looks).toBeLessThan(20);
      await clock.advance(2_000);
    }
    expect(looks).toBeGreaterThan(14);
    lost.released();
  });

  it('that is renewed is not taken by one who only looks in now and then', async () => {
    const { clock, host } = world();
    const lease = await first(host('a').take());
    const b = host('b');
    for (let look = 0; look < 60; look += 1) {
      expect((await clock.until(b.take({ once: true }))).isErr()).toBe(true);
      await clock.advance(2_000);
    }
    await lease.release({ signal: signal() });
    expect((await clock.until(b.take({ once: true }))).isOk()).toBe(true);
  });

  it('refuses every commit under an older token', async () => {
    const { clock, store, host } = world();
    const a = host('a');
    const old = await first(a.take());
    a.faulty.inject('commit', { kind: 'hang' }, 100);
    const taken = await clock.until(first(host('b').take()));
    const change = { op: 'append', stream: 'events', entries: ['late'] } as const;
    const late = await store.commit([change], { signal: signal(), fence: [old.fence] });
    expect(late._unsafeUnwrapErr()).toMatchObject({ kind: 'lease-lost', lease: KEY });
    expect((await store.commit([change], { signal: signal(), fence: [taken.fence] })).isOk()).toBe(true);
    expect((await old.mayStart(1_000, { signal: signal() }))._unsafeUnwrapErr().kind).toBe('lease-lost');
    old.released();
    taken.released();
  });

  it.each(['instance:x', 'task:x'])(
    '%s is of no use to anybody afterwards: its row goes when it is freed',
    async (key) => {
      const { clock, store, host } = world();
      const lease = await first(host('a').leases.take([key], { signal: signal(), deployment: null }));
      await clock.advance(60_000);
      await lease.release({ signal: signal() });
      expect(await unwrap(store.list('leases', {}, { signal: signal() }))).toEqual([]);
      expect(clock.pending).toBe(0);
    },
  );

  it('whose row was removed begins anew under a token that it never had', async () => {
    const { clock, store, host } = world();
    const a = host('a');
    const old = await first(a.take());
    a.faulty.inject('commit', { kind: 'hang' }, 100);
    for (const name of ['b', 'c']) await (await clock.until(first(host(name).take()))).release({ signal: signal() });
    await unwrap(store.commit([{ op: 'remove', collection: 'leases', id: KEY }], { signal: signal() }));
    const taken = await first(host('d').take());
    const late = await store.commit([{ op: 'append', stream: 'events', entries: ['late'] }], {
      signal: signal(),
      fence: [old.fence],
    });
    expect(late._unsafeUnwrapErr()).toMatchObject({ kind: 'lease-lost', lease: KEY });
    expect(taken.fence.token).toBeGreaterThan(old.fence.token + 2);
    old.released();
    taken.released();
  });

  it('lets no effect start that it would not outlast, and renews where that helps', async () => {
    const { clock, host } = world();
    const a = host('a', { ...TIMING, renewMs: 25_000 });
    const lease = await first(a.take());
    await clock.advance(20_000);
    // 10 s are left, and 16 s are asked for: renewed at once.
    expect((await clock.until(lease.mayStart(15_000, { signal: signal() }))).isOk()).toBe(true);
    await clock.advance(20_000);
    a.faulty.inject('commit', { kind: 'fail-before' }, 1);
    expect((await clock.until(lease.mayStart(15_000, { signal: signal() })))._unsafeUnwrapErr().kind).toBe(
      'store-unavailable',
    );
    await lease.release({ signal: signal() });
    expect(clock.pending).toBe(0);
  });
});

describe('leases of one host', () => {
  const hundred = async () => {
    const { clock, store } = world();
    const counted = store.connect();
    let commits = 0;
    counted.commit = (changes, options) => {
      commits += 1;
      return store.commit(changes, options);
    };
    const leases = new Leases(counted, clock, 'a', TIMING);
    const held: Awaited<ReturnType<typeof first>>[] = [];
    // Taken over two seconds: the first of them is due a while before the last.
    for (let n = 0; n < 100; n += 1) {
      held.push(await first(leases.take([`stage:${n}`], { signal: signal(), deployment: null })));
      await clock.advance(20);
    }
    return { clock, store, held, commits: () => commits };
  };

  it('are renewed together, and none of them later than by itself', async () => {
    const { clock, held, commits } = await hundred();
    const before = commits();
    await clock.advance(50_000);
    expect(commits() - before).toBeLessThanOrEqual(2 * 6);
    expect(held.filter(({ lost }) => lost.aborted)).toEqual([]);
    for (const lease of held) await lease.release({ signal: signal() });
    expect(clock.pending).toBe(0);
  });

  it('do not share the fate of one that is lost', async () => {
    const { clock, store, held } = await hundred();
    const [lost] = held;
    const row = await unwrap(store.get('leases', 'stage:0', { signal: signal() }));
    if (!lost || !row) throw new Error('not held');
    const record = { ...row.value, holder: 'somebody else', token: row.value.token + 1 };
    await unwrap(
      store.commit([{ op: 'put', collection: 'leases', record, version: row.version }], { signal: signal() }),
    );
    await clock.advance(120_000);
    expect(held.filter((lease) => lease.lost.aborted).map(({ key }) => key)).toEqual(['stage:0']);
    for (const lease of held) await lease.release({ signal: signal() });
    expect(clock.pending).toBe(0);
  });
});

describe('a lost answer', () => {
  it.each(['fail-after', 'hang'] as const)('to a grant (%s) is found out: it is held, once', async (kind) => {
    const { clock, host, row } = world();
    const token = clock.now() + 1;
    const a = host('a');
    a.faulty.inject('commit', kind === 'hang' ? { kind, when: 'after' } : { kind });
    const lease = await clock.until(first(a.take()));
    expect(lease.fence.token).toBe(token);
    expect(await row()).toMatchObject({ holder: 'a', token });
    await lease.release({ signal: signal() });
    expect(clock.pending).toBe(0);
  });

  it('to a grant that its caller has hung up on is found out, too', async () => {
    const { clock, host, row } = world();
    const a = host('a');
    const hangUp = new AbortController();
    a.faulty.inject('commit', { kind: 'hang', when: 'after' });
    const taking = a.take({ signal: hangUp.signal });
    await clock.advance(10);
    hangUp.abort();
    const lease = await clock.until(first(taking));
    await lease.release({ signal: signal() });
    expect(await row()).toMatchObject({ holder: null });
  });

  it.each(['fail-before', 'fail-after'] as const)('to a renewal (%s) loses nothing', async (kind) => {
    const { clock, host } = world();
    const a = host('a');
    const lease = await first(a.take());
    a.faulty.inject('commit', { kind }, 2);
    await clock.advance(60_000);
    expect(a.faulty.pending).toBe(0);
    expect(lease.lost.aborted).toBe(false);
    await lease.release({ signal: signal() });
    expect(clock.pending).toBe(0);
  });

  it('to a release is in nobody’s way who is of the same process', async () => {
    const { clock, host } = world();
    const a = host('a');
    const lease = await first(a.take());
    a.faulty.inject('commit', { kind: 'fail-before' });
    await lease.release({ signal: signal() });
    const startMs = clock.monotonicMs();
    const again = await clock.until(first(a.take()));
    expect(clock.monotonicMs() - startMs).toBeLessThan(1_000);
    expect(again.fence.token).toBe(lease.fence.token + 1);
    await again.release({ signal: signal() });
    expect(clock.pending).toBe(0);
  });

  it('to a grant that arrives only later is found out: what ended without an answer is looked for a second time', async () => {
    const { clock, store, row } = world();
    const slow = store.connect();
    let commits = 0;
    slow.commit = (changes, options) => {
      commits += 1;
      if (commits > 1) return store.commit(changes, options);
      // Half a second after its caller has given it up.
      clock.after(15_500, () => void store.commit(changes, { ...options, signal: signal() }));
      const ended = new Promise<void>((resolve) => options.signal.addEventListener('abort', () => resolve()));
      return new ResultAsync(ended.then(() => err(aborted('The commit'))));
    };
    const leases = new Leases(boundedStore(slow, clock, 15_000), clock, 'a', TIMING);
    const lease = await clock.until(first(leases.take([KEY], { signal: signal(), deployment: null })));
    expect(await row()).toMatchObject({ holder: 'a', token: lease.fence.token });
    await lease.release({ signal: signal() });
    expect(await row()).toMatchObject({ holder: null });
    expect(clock.pending).toBe(0);
  });

  it('to a grant is not taken for that of another who asks in the same process', async () => {
    const { clock, host } = world();
    const a = host('a');
    // Both ask for the same token; what the first has sent never arrives, and the second gets it meanwhile.
    a.faulty.inject('commit', { kind: 'fail-before' });
    const both = [first(a.take()), first(a.take())] as const;
    let holding = 0;
    const most: number[] = [];
    const done = both.map(async (lease) => {
      const held = await lease;
      holding += 1;
      most.push(holding);
      await new Promise<void>((resolve) => void clock.after(5_000, resolve, true));
      expect(held.lost.aborted).toBe(false);
      holding -= 1;
      await held.release({ signal: signal() });
    });
    await clock.until(Promise.all(done));
    expect(a.faulty.pending).toBe(0);
    expect(most).toEqual([1, 1]);
    expect(clock.pending).toBe(0);
  });

  it('a store that is away for a while is waited for', async () => {
    const { clock, host } = world();
    const a = host('a');
    a.faulty.inject('get', { kind: 'fail-before' }, 10);
    a.faulty.inject('commit', { kind: 'fail-before' }, 10);
    const lease = await clock.until(first(a.take()));
    expect(a.faulty.pending).toBe(0);
    await lease.release({ signal: signal() });
  });
});

it('nothing starts under a lease before what ended under it without a clear answer cannot happen any more, whoever holds it', async () => {
  const { clock, host } = world();
  const lease = await first(host('a').take());
  const unanswered = () => errAsync({ ...outage.proxy });
  const waitedMs = async (held: typeof lease) => {
    const startMs = clock.monotonicMs();
    await clock.until(held.mayStart(1_000, { signal: signal() }));
    return clock.monotonicMs() - startMs;
  };
  expect((await effectUnder([lease], 1_000, { signal: signal() }, unanswered)).isErr()).toBe(true);
  expect(await waitedMs(lease)).toBe(TIMING.absentForMs);
  await effectUnder([lease], 1_000, { signal: signal() }, unanswered);
  await lease.release({ signal: signal() });
  // Passed on by somebody who had nothing to do, it is waited for all the same.
  await (await first(host('b').take())).release({ signal: signal() });
  const next = await first(host('c').take());
  expect(await waitedMs(next)).toBe(TIMING.absentForMs);
  expect(await waitedMs(next)).toBe(0);
  await next.release({ signal: signal() });
  expect(await waitedMs(await first(host('d').take()))).toBe(0);
});

it('who takes over and gives back at once leaves the wait for the dead one’s effects to the next', async () => {
  const { clock, host } = world();
  const a = host('a');
  const lost = await first(a.take());
  a.faulty.inject('commit', { kind: 'fail-before' }, 1_000);
  const taken = await clock.until(first(host('b').take()));
  await taken.release({ signal: signal() });
  const next = await first(host('c').take());
  const startMs = clock.monotonicMs();
  await clock.until(next.mayStart(1_000, { signal: signal() }));
  expect(clock.monotonicMs() - startMs).toBe(TIMING.effectTimeoutMs + 1_000);
  lost.released();
});

it('who takes over and dies of it, too, leaves the wait for the first one’s longer effects to the next', async () => {
  const { clock, host, row } = world();
  const slow = 120_000;
  const a = host('a', { ...TIMING, effectTimeoutMs: slow });
  const lost = await first(a.take());
  a.faulty.inject('commit', { kind: 'fail-before' }, 1_000);
  const b = host('b');
  const taken = await clock.until(first(b.take()));
  const expiredMs = clock.monotonicMs();
  b.faulty.inject('commit', { kind: 'fail-before' }, 1_000);
  const next = await clock.until(first(host('c').take()));
  await clock.until(next.mayStart(1_000, { signal: signal() }));
  expect(clock.monotonicMs() - expiredMs).toBeGreaterThanOrEqual(slow + 1_000 - 250);
  // Once it has passed, nobody need wait for it again.
  await next.release({ signal: signal() });
  const later = await first(host('d').take());
  expect(await row()).toMatchObject({ holder: 'd', effectTimeoutMs: TIMING.effectTimeoutMs });
  await later.release({ signal: signal() });
  for (const each of [lost, taken]) each.released();
});

it('a release whose commit fails is kept and renewed', async () => {
  const { clock, host } = world();
  const lease = await first(host('a').take());
  await lease.releaseChange();
  await clock.advance(5_000);
  lease.kept();
  await clock.advance(120_000);
  expect(lease.lost.aborted).toBe(false);
  await lease.release({ signal: signal() });
  expect(clock.pending).toBe(0);
});

it.each([0, 50])('of two who ask at once in one process each gets it in turn (answers take %i ms)', async (ms) => {
  const { clock, host } = world();
  const a = host('a');
  a.faulty.inject('commit', { kind: 'slow', ms, when: 'after' }, 2);
  const both = [first(a.take()), first(a.take())] as const;
  const since: number[] = [];
  const done = both.map(async (lease) => {
    const held = await lease;
    since.push(clock.monotonicMs());
    await new Promise<void>((resolve) => void clock.after(3_000, resolve, true));
    expect(held.lost.aborted).toBe(false);
    await held.release({ signal: signal() });
  });
  await clock.until(Promise.all(done));
  expect((since[1] ?? 0) - (since[0] ?? 0)).toBeGreaterThanOrEqual(3_000);
  expect(clock.pending).toBe(0);
});
