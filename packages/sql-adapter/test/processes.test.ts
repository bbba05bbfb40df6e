import { setTimeout as sleep } from 'node:timers/promises';
import { type Change, type Store, type StreamEntry, unwrap } from '@quayside/core/ports';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { databasePath, open, postgresAt, storeAt } from './support/folder.js';
import { child } from './support/processes.js';

const pagesOf = async <T>(page: (last: T | undefined) => PromiseLike<readonly T[]>): Promise<T[]> => {
  const all: T[] = [];
  for (;;) {
    const found = await page(all.at(-1));
    if (found.length === 0) return all;
    all.push(...found);
  }
};
const entriesOf = (store: Store, stream: string): Promise<StreamEntry[]> =>
  pagesOf((last) => unwrap(store.read(stream, { after: last?.seq ?? 0 }, open())));
const append: Change = { op: 'append', stream: 's', entries: [1] };

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

/** Where processes meet, by the kind of database. */
const KINDS = [
  {
    kind: 'SQLite',
    place: async () => databasePath(),
    storeAt,
    integrityOf: async (path: string) => new Database(path).prepare('PRAGMA integrity_check').all([]),
  },
  {
    kind: 'PostgreSQL',
    place: () => server.database(),
    storeAt: postgresAt,
    integrityOf: async (place: string) => {
      // Every entry belongs to a stream, and every stream has as many as it has drawn.
      const broken = await server.sql(
        `select s.name from quayside.streams s full join
          (select stream, count(*) as entries, max(seq) as last from quayside.entries group by stream) e on e.stream = s.id
          where s.id is null or coalesce(e.last, 0) <> s.last or coalesce(e.entries, 0) <> s.last`,
        place,
      );
      return [{ integrity_check: broken.length === 0 ? 'ok' : JSON.stringify(broken) }];
    },
  },
];

describe.each(KINDS)('processes that share a database of $kind', ({ place, storeAt, integrityOf }) => {
  it('lose nothing that was answered, and leave nothing half, when one is killed in the middle of its commits', async () => {
    const path = await place();
    for (let round = 0; round < 3; round += 1) {
      const name = `r${round}`;
      const killed = child('count', [path, name]);
      await killed.said(5 + round * 20);
      await sleep(Math.random() * 30);
      killed.process.kill('SIGKILL');
      expect(await killed.ended).toBe('SIGKILL');

      const store = storeAt(path);
      const entries = await entriesOf(store, 'all');
      expect(entries.map((entry) => entry.seq)).toEqual(entries.map((_, index) => index + 1));
      const mine = entries.map((entry) => String(entry.value)).filter((id) => id.startsWith(`${name}-`));
      // Every commit has two entries, one record, and the counter at its own number.
      const done = mine.length / 2;
      expect(mine).toEqual(Array.from({ length: done * 2 }, (_, index) => `${name}-${Math.floor(index / 2)}`));
      const records = await pagesOf<{ value: { id: string } }>((last) =>
        unwrap(store.list('cursors', { after: last?.value.id ?? '' }, open())),
      );
      const ids = records.map((record) => record.value.id).filter((id) => id.startsWith(`${name}-`));
      expect(new Set(ids)).toEqual(new Set(mine));
      expect((await unwrap(store.get('cursors', name, open())))?.value.after).toBe(done - 1);
      // What was answered is there; one more may be, whose answer was not heard.
      expect(killed.lines.length).toBeGreaterThanOrEqual(5 + round * 20);
      expect(mine).toEqual(expect.arrayContaining(killed.lines));
      await store.close();
    }
    expect(await integrityOf(path)).toMatchObject([{ integrity_check: 'ok' }]);
  });

  it('claim each domain once, and draw each number once, four at a time', async () => {
    const path = await place();
    const children = ['a', 'b', 'c', 'd'].map((name) => child('claim', [path, name, '150']));
    await Promise.all(children.map((each) => each.ended));
    const store = storeAt(path);
    const domains = Array.from({ length: 150 }, (_, index) => `domain-${index}`);
    const claimed = children.flatMap((each) => each.lines);
    expect([...claimed].sort()).toEqual([...domains].sort());
    const entries = await entriesOf(store, 'claims');
    expect(entries.map((entry) => entry.seq)).toEqual(domains.map((_, index) => index + 1));
    for (const { value } of entries) {
      const [id = '', name] = String(value).split(' ');
      expect((await unwrap(store.get('images', id, open())))?.value.pulledBy).toBe(name);
    }
    // Nobody was shut out: whoever waits for the lock gets it in the end.
    expect(await integrityOf(path)).toMatchObject([{ integrity_check: 'ok' }]);
  });

  it('make one store of one file when they open it for the first time together', async () => {
    const path = await place();
    const children = [1, 2, 3, 4].map(() => child('open', [path]));
    await Promise.all(children.map((each) => each.ended));
    const ids = new Set(children.flatMap((each) => each.lines));
    expect(ids.size).toBe(1);
    expect([...ids][0]).toMatch(/^[0-9a-z]{12}$/);
  });

  it('tell each other of a commit within about 50 ms', async () => {
    const path = await place();
    const echo = child('echo', [path]);
    await echo.said(1);
    const store = storeAt(path);
    await unwrap(store.storeId(open()));
    let told: (() => void) | undefined;
    store.subscribe?.(() => told?.());
    const waits: number[] = [];
    for (let round = 1; round <= 15; round += 1) {
      const startMs = performance.now();
      echo.process.stdin?.write(`${round}`);
      while ((await unwrap(store.read('echo', { after: round - 1 }, open()))).length === 0) {
        await new Promise<void>((resolve) => {
          told = resolve;
        });
      }
      waits.push(performance.now() - startMs);
      await sleep(7);
    }
    waits.sort((a, b) => a - b);
    expect(waits[7]).toBeLessThan(60);
    echo.process.stdin?.end();
  });

  it('are told at once of a commit of their own, and once', async () => {
    const path = await place();
    const [store, other] = [storeAt(path), storeAt(path)];
    await unwrap(store.storeId(open()));
    let calls = 0;
    store.subscribe?.(() => {
      calls += 1;
    });
    // Until others are heard: what comes from here on is not for having missed something.
    await sleep(50);
    for (calls = 0; calls === 0; await sleep(50)) await unwrap(other.commit([append], open()));
    await sleep(150);
    calls = 0;
    await unwrap(store.commit([append], open()));
    expect(calls).toBe(1);
    await sleep(120);
    // Looking for commits of others does not find one's own again.
    expect(calls).toBe(1);
  });

  it('end by themselves while they follow, and leave nothing that waits when they close', async () => {
    const path = await place();
    const following = child('follow', [path]);
    expect(await following.ended).toBe(0);
    const leaving = child('leave', [path]);
    await leaving.ended;
    expect(leaving.lines).toEqual(['left: 0']);
  });

  it('load their driver, and no other, when a store is opened, not when the package is imported', async () => {
    const loading = child('load', [await place()]);
    await loading.ended;
    expect(loading.lines).toEqual(['imported: 0', 'opened: 1']);
  });
});

describe('a process that uses a SQLite file', () => {
  it('releases every file when it closes', async () => {
    const path = databasePath();
    const closing = child('close', [path], { node: ['--expose-gc'] });
    await closing.ended;
    expect(closing.lines).toEqual(['open: true', 'closed: 0']);
  });
});
