/** PostgreSQL on a bad day: connections that are cut, a server that restarts, is gone or stands still, locks that somebody keeps. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Change, outcomeUnknown, type Store, type StoreError, systemClock, unwrap } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../../test/support/engine.js';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { open, postgresAt } from './support/folder.js';
import { child } from './support/processes.js';
import { openWire } from './support/wire.js';

const append = (stream: string, ...entries: string[]): Change => ({ op: 'append', stream, entries });
const insert = (id: string): Change => ({ op: 'insert', collection: 'cursors', record: { id, after: 0 } });
const errorOf = async <T>(answer: PromiseLike<Result<T, StoreError>>) => (await answer)._unsafeUnwrapErr();

let server: TestPostgres;
let place: string;
beforeAll(async () => {
  // A process that is killed is no power cut: nothing that was written is lost by it.
  server = await startPostgres({ fsync: 'off' });
});
beforeEach(async () => {
  place = await server.database();
});
afterAll(() => server.remove());

/** The store's own connections, as the server has them. */
const sessions = (where = 'true') =>
  server.sql<{ pid: number; query: string; wait_event_type: string | null }>(
    `select pid, query, wait_event_type from pg_stat_activity
     where application_name = 'quayside' and datname = '${/\w+$/.exec(place)}' and ${where}`,
  );
const terminate = async (where = 'true') => {
  for (const { pid } of await sessions(where)) await server.sql(`select pg_terminate_backend(${pid})`);
};
/** Somebody else, who locks a table until the answer is called. */
async function hold(table: string, mode = 'access exclusive') {
  const session = await server.session(place);
  await session.query(`begin; lock table quayside.${table} in ${mode} mode`);
  const release = () => session.end();
  onTestFinished(release);
  return release;
}
const waiting = () => sessions(`wait_event_type = 'Lock'`);
/** @param known that wait already: the server finds out late that nobody is there any more to whom one of them could answer */
const waitingForLock = (count = 1, known: Awaited<ReturnType<typeof waiting>> = []) =>
  eventually('somebody waits for a lock', async () => {
    const others = (await waiting()).filter(({ pid }) => !known.some((each) => each.pid === pid));
    return others.length >= count;
  });

/** Commits one after the other, each a record and an entry of its own, until it is told to stop: and what was said of each. */
function keepCommitting(store: Store, name: string) {
  const said = new Map<string, 'done' | 'unknown' | 'refused'>();
  const errors: StoreError[] = [];
  let isStopped = false;
  const run = (async () => {
    for (let index = 0; !isStopped; index += 1) {
      const id = `${name}-${index}`;
      const answer = await store.commit([insert(id), append('all', id)], open());
      if (answer.isErr()) errors.push(answer.error);
      said.set(id, answer.isOk() ? 'done' : outcomeUnknown(answer.error) ? 'unknown' : 'refused');
    }
  })();
  return {
    said,
    errors,
    async stop() {
      isStopped = true;
      await run;
    },
  };
}

/** Nothing answered was lost, nothing refused is there, nothing is there twice or half, and no number is left out. */
async function expectTold(store: Store, writers: readonly ReturnType<typeof keepCommitting>[]): Promise<void> {
  const entries: { seq: number; value: unknown }[] = [];
  for (let after = 0; ; after = entries.at(-1)?.seq ?? 0) {
    const page = await unwrap(store.read('all', { after }, open()));
    if (page.length === 0) break;
    entries.push(...page);
  }
  expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
  const there = entries.map(({ value }) => String(value));
  expect(new Set(there).size).toBe(there.length);
  for (const { said } of writers) {
    for (const [id, outcome] of said) {
      if (outcome !== 'unknown') expect([id, there.includes(id)]).toEqual([id, outcome === 'done']);
      expect([id, (await unwrap(store.get('cursors', id, open()))) !== undefined]).toEqual([id, there.includes(id)]);
    }
  }
}

describe('a connection that is cut', () => {
  it('in the middle of commits loses none that was answered and doubles none', async () => {
    const stores = [postgresAt(place), postgresAt(place)];
    const writers = stores.flatMap((store, at) => [0, 1].map((each) => keepCommitting(store, `w${at}${each}`)));
    for (let round = 0; round < 12; round += 1) {
      await sleep(20 + Math.random() * 60);
      await terminate(`query !~ '^listen'`);
    }
    for (const writer of writers) await writer.stop();
    await expectTold(postgresAt(place), writers);
    // All that was not sent as a commit was run anew: nobody had to be told of it.
    for (const { errors } of writers) {
      expect(errors.filter((error) => !outcomeUnknown(error))).toEqual([]);
      for (const error of errors) expect(error).toMatchObject({ kind: 'store-unavailable', retryable: true });
    }
    expect(writers.map(({ said }) => [...said.values()].includes('done'))).toEqual([true, true, true, true]);
  });

  it('while it is idle is not noticed by who calls next', async () => {
    const store = postgresAt(place);
    await unwrap(store.commit([append('s', 'a')], open()));
    await terminate();
    expect(await unwrap(store.read('s', { after: 0 }, open()))).toHaveLength(1);
    await terminate();
    expect((await unwrap(store.commit([append('s', 'b')], open()))).sequences).toEqual({ s: 2 });
  });

  it('while a commit waits to be written is the server’s to roll back, and the commit is run anew', async () => {
    const store = postgresAt(place);
    await unwrap(store.storeId(open()));
    const release = await hold('entries');
    const answer = store.commit([insert('a'), append('s', 'x')], open());
    await waitingForLock();
    await terminate();
    await release();
    expect((await unwrap(answer)).sequences).toEqual({ s: 1 });
    expect(await unwrap(store.read('s', { after: 0 }, open()))).toHaveLength(1);
  });

  it('of a follower is made again, and it looks: what was committed meanwhile is not missed', async () => {
    const [following, writing] = [postgresAt(place), postgresAt(place)];
    await unwrap(following.storeId(open()));
    await unwrap(writing.storeId(open()));
    let told = 0;
    following.subscribe?.(() => {
      told += 1;
    });
    const listening = () => eventually('it listens', async () => (await sessions(`query ~ '^listen'`)).length === 1);
    for (let round = 1; round <= 3; round += 1) {
      await listening();
      await terminate(`query ~ '^listen'`);
      told = 0;
      await unwrap(writing.commit([append('s', 'x')], open()));
      await eventually('it is told', () => told > 0);
    }
    // And once more hears what comes, and not by looking for it.
    await listening();
    await sleep(300);
    told = 0;
    await unwrap(writing.commit([append('s', 'x')], open()));
    await eventually('it is told', () => told > 0, 2_000);
  });
});

describe('a commit whose answer is lost', () => {
  it('is told as unknown and never repeated, whether it has happened or not', async () => {
    const wire = await openWire(place);
    const store = postgresAt(wire.connectionString);
    await unwrap(store.storeId(open()));
    for (const mischief of ['cut-after', 'cut-before'] as const) {
      wire.next(mischief);
      const error = await errorOf(store.commit([insert(mischief), append('s', mischief)], open()));
      expect(error).toMatchObject({ kind: 'store-unavailable', outcome: 'unknown', retryable: true });
    }
    expect(wire.done).toBe(2);
    // The next call goes on over a new connection, and sees which of them it was.
    expect((await unwrap(store.read('s', { after: 0 }, open()))).map(({ value }) => value)).toEqual(['cut-after']);
    expect((await unwrap(store.get('cursors', 'cut-after', open())))?.version).toBe(1);
    expect(await unwrap(store.get('cursors', 'cut-before', open()))).toBeUndefined();
  });

  it('has surely not happened, and is run anew, where the server had given up its transaction before', async () => {
    const wire = await openWire(place);
    const store = postgresAt(wire.connectionString, { timeout: '2s' });
    await unwrap(store.storeId(open()));
    wire.next('hold');
    // The server waits for it for half the time that a call may take.
    expect((await unwrap(store.commit([append('s', 'x')], open()))).sequences).toEqual({ s: 1 });
    expect(wire.done).toBe(1);
    expect(await unwrap(store.read('s', { after: 0 }, open()))).toHaveLength(1);
  });

  it('was not sent where the connection was lost before, and is run anew', async () => {
    const wire = await openWire(place);
    const store = postgresAt(wire.connectionString);
    await unwrap(store.storeId(open()));
    const release = await hold('entries');
    const answer = store.commit([append('s', 'x')], open());
    await waitingForLock();
    // The answer of its last statement and the end of the connection come together.
    const arrive = wire.holdAnswers();
    await release();
    await eventually('it is idle in its transaction', async () => (await sessions(`state ~ 'idle in'`)).length === 1);
    await terminate();
    await eventually('it is gone', async () => (await sessions()).length === 0);
    await sleep(50);
    arrive();
    expect((await unwrap(answer)).sequences).toEqual({ s: 1 });
    expect(await unwrap(store.read('s', { after: 0 }, open()))).toHaveLength(1);
  });
});

describe('a server that restarts', () => {
  it.each(['fast', 'crash'] as const)('in the middle of commits (%s) loses none that was answered', async (how) => {
    const stores = [postgresAt(place), postgresAt(place)];
    for (const store of stores) await unwrap(store.storeId(open()));
    let told = 0;
    stores[0]?.subscribe?.(() => {
      told += 1;
    });
    const writers = stores.map((store, at) => keepCommitting(store, `w${at}`));
    for (let round = 0; round < 2; round += 1) {
      await sleep(200);
      const before = writers.map(({ said }) => said.size);
      await server.stop(how);
      await sleep(100);
      await server.start();
      await eventually('they go on', () => writers.every(({ said }, at) => said.size > (before[at] ?? 0) + 3));
    }
    for (const writer of writers) await writer.stop();
    await expectTold(postgresAt(place), writers);
    for (const { errors } of writers) expect(errors.filter((error) => !outcomeUnknown(error))).toEqual([]);
    told = 0;
    const other = postgresAt(place);
    await eventually('followers hear of others again', async () => {
      await unwrap(other.commit([append('s', 'x')], open()));
      await sleep(50);
      return told > 0;
    });
  });

  it('is waited for as long as a call may take; then the call is surely not done', async () => {
    const store = postgresAt(place, { timeout: '600ms' });
    await unwrap(store.commit([append('s', 'a')], open()));
    await server.stop();
    const startMs = performance.now();
    const commit = await errorOf(store.commit([append('s', 'b')], open()));
    expect(commit).toMatchObject({
      kind: 'store-unavailable',
      code: 'ECONNREFUSED',
      outcome: 'refused',
      retryable: true,
    });
    expect(await errorOf(store.get('cursors', 'a', open()))).toMatchObject({ kind: 'store-unavailable' });
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeGreaterThan(1_100);
    expect(tookMs).toBeLessThan(3_000);
    await server.start();
    expect((await unwrap(store.commit([append('s', 'c')], open()))).sequences).toEqual({ s: 2 });
  });
});

describe('a call that hangs', () => {
  it('in somebody’s lock ends at once with its signal, and leaves nothing behind', async () => {
    const store = postgresAt(place);
    await unwrap(store.storeId(open()));
    const release = await hold('cursors');
    const calls: ((signal: AbortSignal) => Promise<Result<unknown, StoreError>>)[] = [
      async (signal) => store.commit([insert('a'), append('s', 'x')], { signal }),
      async (signal) => store.get('cursors', 'a', { signal }),
      async (signal) => store.list('cursors', {}, { signal }),
    ];
    for (const call of calls) {
      const controller = new AbortController();
      const answer = call(controller.signal);
      await waitingForLock();
      const startMs = performance.now();
      controller.abort();
      expect(await errorOf(answer)).toMatchObject({ kind: 'aborted', outcome: 'refused' });
      expect(performance.now() - startMs).toBeLessThan(500);
      // Nor does the server go on waiting for a lock that nobody wants any more.
      const isFree = async () => (await sessions(`wait_event_type = 'Lock'`)).length === 0;
      await eventually('the server lets go', isFree, 4_000);
    }
    await release();
    expect(await unwrap(store.get('cursors', 'a', open()))).toBeUndefined();
    expect(await unwrap(store.read('s', { after: 0 }, open()))).toEqual([]);
  });

  it('in somebody’s lock meets its own bound, and says what it waited for', async () => {
    const store = postgresAt(place, { timeout: '1s' });
    await unwrap(store.storeId(open()));
    const release = await hold('cursors');
    const startMs = performance.now();
    const error = await errorOf(store.commit([insert('a')], open()));
    expect(performance.now() - startMs).toBeLessThan(1_500);
    expect(error).toMatchObject({ kind: 'store-unavailable', code: '55P03', outcome: 'refused', retryable: true });
    expect(error.hint).toMatch(/pg_stat_activity/);
    await release();
    await unwrap(store.commit([insert('a')], open()));
  });

  it('in a server that stands still meets its bound and its signal, and what it says is so', async () => {
    const store = postgresAt(place, { timeout: '1s' });
    await unwrap(store.commit([append('all', 'first')], open()));
    const pids = [server.pid, ...(await sessions()).map(({ pid }) => pid)];
    const still = (isStill: boolean) => pids.forEach((pid) => process.kill(pid, isStill ? 'SIGSTOP' : 'SIGCONT'));
    still(true);
    try {
      const startMs = performance.now();
      const late = await errorOf(store.commit([append('all', 'late')], open()));
      expect(late).toMatchObject({ kind: 'store-unavailable', code: 'timeout', outcome: 'refused' });
      const controller = new AbortController();
      const aborted = store.commit([append('all', 'aborted')], { signal: controller.signal });
      setTimeout(() => controller.abort(), 50);
      expect(await errorOf(aborted)).toMatchObject({ kind: 'aborted', outcome: 'refused' });
      expect(performance.now() - startMs).toBeLessThan(1_800);
    } finally {
      still(false);
    }
    expect((await unwrap(store.commit([append('all', 'last')], open()))).sequences).toEqual({ all: 2 });
  });

  it('in its commit is told as unknown, whether it happens or not', async () => {
    const store = postgresAt(place, { timeout: '1500ms' });
    await unwrap(store.storeId(open()));
    // A check that is put off to the end of the transaction, and then waits for a lock of somebody's.
    await server.sql(
      `create table public.late (id int);
       create function public.wait() returns trigger language plpgsql as
         $$ begin set local lock_timeout = 0; lock table public.late in share mode; return null; end $$;
       create constraint trigger wait after insert on quayside.cursors deferrable initially deferred
         for each row execute function public.wait()`,
      place,
    );
    const holding = await server.session(place);
    onTestFinished(() => holding.end());
    await holding.query('begin; lock table public.late');
    const late = await errorOf(store.commit([insert('late')], open()));
    expect(late).toMatchObject({ kind: 'store-unavailable', code: 'timeout', outcome: 'unknown' });
    // Who aborts is told what became of it, if that comes soon.
    const [soon, never] = [new AbortController(), new AbortController()];
    const first = await waiting();
    const answers = [
      store.commit([insert('soon')], { signal: soon.signal }),
      store.commit([insert('never')], { signal: never.signal }),
    ] as const;
    await waitingForLock(2, first);
    never.abort();
    const startMs = performance.now();
    expect(await errorOf(answers[1])).toMatchObject({ kind: 'aborted', outcome: 'unknown' });
    expect(performance.now() - startMs).toBeGreaterThan(900);
    expect(await errorOf(answers[0])).toMatchObject({ outcome: 'unknown' });
    const last = new AbortController();
    const second = await waiting();
    const answer = store.commit([insert('last')], { signal: last.signal });
    await waitingForLock(1, second);
    last.abort();
    await holding.query('rollback');
    expect(await answer).toMatchObject({ value: { sequences: {} } });
  });

  it('for want of a free connection meets its bound and its signal, and there are no more than allowed', async () => {
    const store = postgresAt(place, { connections: 2, timeout: '1s' });
    await unwrap(store.storeId(open()));
    const release = await hold('cursors');
    const controller = new AbortController();
    const answers = Array.from({ length: 20 }, (_, index) =>
      store.commit([insert(`c${index}`)], index < 10 ? open() : { signal: controller.signal }),
    );
    await waitingForLock(2);
    expect(await sessions()).toHaveLength(2);
    controller.abort();
    for (const answer of answers.slice(10)) expect(await errorOf(answer)).toMatchObject({ kind: 'aborted' });
    for (const answer of answers.slice(0, 10)) expect(await errorOf(answer)).toMatchObject({ outcome: 'refused' });
    await release();
    await Promise.all(Array.from({ length: 20 }, (_, index) => unwrap(store.commit([insert(`c${index}`)], open()))));
    expect((await sessions()).length).toBeLessThanOrEqual(2);
  });

  it('does not hang the closing, which leaves no connection', async () => {
    const store = postgresAt(place, { timeout: '1s' });
    await unwrap(store.storeId(open()));
    store.subscribe?.(() => {});
    await hold('cursors');
    const answer = store.commit([insert('a')], open());
    await waitingForLock();
    const startMs = performance.now();
    await unwrap(store.close());
    expect(performance.now() - startMs).toBeLessThan(3_000);
    expect(await errorOf(answer)).toMatchObject({ kind: 'store-unavailable', outcome: 'refused' });
    await eventually('all are gone', async () => (await sessions()).length === 0);
  });
});

describe('commits of many', () => {
  it('become visible in the order of their numbers: nobody sees 12 before 11', async () => {
    const [first, second] = [postgresAt(place), postgresAt(place)];
    await unwrap(first.commit([append('events', 'zero')], open()));
    await unwrap(second.storeId(open()));
    // The first has drawn its number, and hangs before it can write its entry.
    const release = await hold('entries', 'exclusive');
    const one = first.commit([append('events', 'one')], open());
    await waitingForLock(1);
    const two = second.commit([append('events', 'two')], open());
    await waitingForLock(2);
    expect(await unwrap(second.read('events', { after: 1 }, open()))).toEqual([]);
    await release();
    expect([(await unwrap(one)).sequences, (await unwrap(two)).sequences]).toEqual([{ events: 2 }, { events: 3 }]);
    expect((await unwrap(first.read('events', { after: 1 }, open()))).map(({ value }) => value)).toEqual([
      'one',
      'two',
    ]);
  });

  it('do not wait for a host that stands still in the middle of its own for longer than half its `timeout`', async () => {
    const store = postgresAt(place);
    await unwrap(store.storeId(open()));
    const release = await hold('entries');
    const standing = child('commit', [place, 'standing', '', '2s']);
    await waitingForLock();
    standing.process.kill('SIGSTOP');
    await release();
    // Its locks are held by a transaction that nobody goes on with, until the server ends it.
    await eventually('it is idle in its transaction', async () => (await sessions(`state ~ 'idle in'`)).length === 1);
    const startMs = performance.now();
    await unwrap(store.commit([append('s', 'after')], open()));
    expect(performance.now() - startMs).toBeLessThan(2_500);
    standing.process.kill('SIGCONT');
    await standing.ended;
    // It had not sent its commit: it does so anew.
    expect(standing.lines).toEqual(['ok']);
    expect((await unwrap(store.read('s', { after: 0 }, open()))).map(({ value }) => value)).toEqual([
      'after',
      'standing',
    ]);
  });

  it('give their connections back to the server once nobody has used them for a while', async () => {
    const timers: { ms: number; callback: () => void }[] = [];
    const clock = {
      ...systemClock(),
      after: (ms: number, callback: () => void, isAwaited?: boolean) => {
        if (ms >= 60_000) timers.push({ ms, callback });
        return systemClock().after(ms, callback, isAwaited);
      },
    };
    const store = postgresAt(place, { clock });
    await Promise.all([1, 2, 3].map((index) => unwrap(store.commit([insert(`${index}`)], open()))));
    expect((await sessions()).length).toBeGreaterThan(1);
    for (const { callback } of timers.slice(-3)) callback();
    await eventually('they are gone', async () => (await sessions()).length === 0);
    await unwrap(store.commit([insert('again')], open()));
  });
});
