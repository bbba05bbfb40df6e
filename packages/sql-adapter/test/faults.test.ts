import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Change, type StoreError, unwrap } from '@quayside/core/ports';
import { sqliteStore } from '@quayside/sql-adapter';
import Database from 'libsql';
import type { Result } from 'neverthrow';
import { describe, expect, it, onTestFinished } from 'vitest';
import { databasePath, folder, open, storeAt } from './support/folder.js';
import { child } from './support/processes.js';

const append: Change = { op: 'append', stream: 's', entries: ['x'] };
const errorOf = async <T>(answer: PromiseLike<Result<T, StoreError>>) => (await answer)._unsafeUnwrapErr();
/** Somebody else, with SQLite in hand. */
function outsider(path: string) {
  const database = new Database(path);
  onTestFinished(() => {
    database.close();
  });
  return database;
}
const isRoot = process.getuid?.() === 0;

describe('a file that cannot be used is refused with what to do', () => {
  const cases: [string, string, RegExp, (path: string) => string | undefined][] = [
    ['a folder that is not there', 'ENOENT', /Create the folder/, (path) => join(path, 'missing', 'quayside.db')],
    ['a folder in the place of the file', 'EISDIR', /Name a file in it/, (path) => path],
    [
      'a file that is no database',
      'SQLITE_NOTADB',
      /Name another path/,
      (path) => {
        writeFileSync(join(path, 'x.db'), 'no database at all '.repeat(400));
        return undefined;
      },
    ],
    [
      'a database of something else',
      'foreign-database',
      /a path of its own/,
      (path) => {
        outsider(join(path, 'x.db')).exec('create table songs (title text)');
        return undefined;
      },
    ],
  ];
  for (const [name, code, hint, make] of cases) {
    it(name, async () => {
      const path = folder();
      const store = storeAt(make(path) ?? join(path, 'x.db'));
      const error = await errorOf(store.storeId(open()));
      expect(error).toMatchObject({ kind: 'store-refused', code, retryable: false });
      expect(error.message).toContain(path);
      expect(error.hint).toMatch(hint);
      // It does not go away by asking again, nor does asking leave anything behind.
      expect(await errorOf(store.commit([append], open()))).toMatchObject({ code });
    });
  }

  it('is looked at again by the next call, once it was put right', async () => {
    const path = folder();
    const store = storeAt(join(path, 'later', 'quayside.db'));
    expect(await errorOf(store.storeId(open()))).toMatchObject({ code: 'ENOENT' });
    mkdirSync(join(path, 'later'));
    expect(await unwrap(store.storeId(open()))).toMatch(/^[0-9a-z]{12}$/);
  });

  it('a schema of a newer version: refused when opened, and when it grew under an open store', async () => {
    const path = databasePath();
    const running = storeAt(path);
    await unwrap(running.commit([append], open()));
    outsider(path).exec(`update quayside_meta set value = '99' where key = 'schema'`);

    const error = await errorOf(storeAt(path).storeId(open()));
    expect(error).toMatchObject({ kind: 'store-refused', code: 'newer-schema', retryable: false });
    expect(error.message).toMatch(/schema 99.*up to \d+/);
    expect(error.hint).toMatch(/Upgrade/);
    expect(await errorOf(running.commit([append], open()))).toMatchObject({ code: 'newer-schema' });
    expect(await unwrap(running.read('s', { after: 0 }, open()))).toHaveLength(1);
  });

  it('a damaged file', async () => {
    const path = databasePath();
    const store = storeAt(path);
    for (let index = 0; index < 20; index += 1) {
      await unwrap(store.commit([{ op: 'append', stream: 's', entries: ['x'.repeat(3_000)] }], open()));
    }
    await unwrap(store.close());
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0xa5, 4096));
    const error = await errorOf(storeAt(path).read('s', { after: 0 }, open()));
    expect(error).toMatchObject({ kind: 'store-refused', retryable: false });
    expect(error.code).toMatch(/^SQLITE_CORRUPT/);
    expect(error.hint).toMatch(/backup/);
  });

  it('a file that may be read and not written', async () => {
    const path = databasePath();
    const store = storeAt(path);
    await unwrap(store.commit([append], open()));
    await unwrap(store.close());
    chmodSync(path, 0o444);
    chmodSync(join(path, '..'), 0o555);
    // Nothing is read-only for root.
    const reading = child('commit', [path, 'x'], isRoot ? { uid: 65_534 } : {});
    await reading.ended;
    chmodSync(join(path, '..'), 0o755);
    expect(reading.lines[0]).toBe('store-refused EACCES refused');
    expect(reading.lines[1]).toMatch(/right to read and write/);
  });
});

describe('a disk that takes no more', () => {
  it('refuses the commit, keeps what it has, and goes on once there is space', async () => {
    const path = databasePath();
    // A limit on the size of files: what a quota does.
    const filling = child('fill', [path, 'x'], { shell: 'ulimit -f 2000; exec "$@"' });
    await filling.ended;
    const [said, read] = filling.lines.map((line) => JSON.parse(line));
    expect(said).toMatchObject({ kind: expect.stringMatching(/^store-(refused|unavailable)$/) });
    expect(said.code).toMatch(/^SQLITE_(FULL|IOERR)/);
    expect(said.committed).toBeGreaterThan(2);
    // It is still there to be read, and so it is for others.
    expect(read[0]).toBe(said.committed);
    const store = storeAt(path);
    await unwrap(store.commit([append], open()));
    const entries = await unwrap(store.read('s', { after: said.committed - 1 }, open()));
    expect(entries.map((entry) => entry.seq)).toContain(said.committed + 1);
  });

  const whereAllowed = canMount() ? it : () => {};
  whereAllowed('is told as a full disk, and the same commit works when space was made', async () => {
    const path = folder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', path]);
    const ballast = join(path, 'ballast');
    try {
      writeFileSync(ballast, Buffer.alloc(200_000));
      const store = storeAt(join(path, 'quayside.db'));
      const big: Change = { op: 'append', stream: 's', entries: ['x'.repeat(20_000)] };
      let refused: StoreError | undefined;
      let committed = 0;
      for (; !refused && committed < 100; ) {
        const answer = await store.commit([big], open());
        if (answer.isOk()) committed += 1;
        else refused = answer.error;
      }
      expect(refused).toMatchObject({ kind: 'store-refused', code: 'SQLITE_FULL', outcome: 'refused' });
      expect(refused?.hint).toMatch(/Free some space/);
      expect(await unwrap(store.read('s', { after: 0 }, open()))).toHaveLength(committed);
      execFileSync('rm', [ballast]);
      expect(await unwrap(store.commit([big], open()))).toEqual({ sequences: { s: committed + 1 } });
      await unwrap(store.close());
    } finally {
      execFileSync('umount', ['-l', path]);
    }
  });
});

describe('a lock that another process holds', () => {
  async function locked(busyTimeout: string) {
    const path = databasePath();
    const store = storeAt(path, { busyTimeout });
    await unwrap(store.commit([append], open()));
    const other = outsider(path);
    other.exec('BEGIN IMMEDIATE');
    return { store, other };
  }

  it('is waited for, while reads go on and the event loop turns', async () => {
    const { store, other } = await locked('5s');
    const startMs = performance.now();
    const commits = [1, 2, 3].map(() => store.commit([append], open()));
    let turns = 0;
    for (; performance.now() - startMs < 100; turns += 1) await sleep(5);
    expect(turns).toBeGreaterThan(5);
    expect(await unwrap(store.read('s', { after: 0 }, open()))).toHaveLength(1);
    other.exec('COMMIT');
    const answers = await Promise.all(commits);
    // In the order of the calls.
    expect(answers.map((answer) => answer._unsafeUnwrap().sequences['s'])).toEqual([2, 3, 4]);
  });

  it('is waited for only so long, and then certainly nothing was written', async () => {
    const { store, other } = await locked('80ms');
    const startMs = performance.now();
    const error = await errorOf(store.commit([append], open()));
    const waitedMs = performance.now() - startMs;
    expect(error).toMatchObject({
      kind: 'store-unavailable',
      code: 'SQLITE_BUSY',
      outcome: 'refused',
      retryable: true,
    });
    expect(error.hint).toMatch(/fuser .*busyTimeout/);
    expect(waitedMs).toBeGreaterThanOrEqual(75);
    expect(waitedMs).toBeLessThan(1_000);
    other.exec('ROLLBACK');
    await unwrap(store.commit([append], open()));
    expect(await unwrap(store.read('s', { after: 0 }, open()))).toHaveLength(2);
  });

  it('is no longer waited for once the signal is aborted', async () => {
    const { store, other } = await locked('60s');
    const controller = new AbortController();
    const waiting = store.commit([append], { signal: controller.signal });
    const patient = store.commit([append], open());
    await sleep(20);
    const startMs = performance.now();
    controller.abort();
    expect(await errorOf(waiting)).toMatchObject({ kind: 'aborted', outcome: 'refused' });
    expect(performance.now() - startMs).toBeLessThan(500);
    other.exec('ROLLBACK');
    expect((await unwrap(patient)).sequences).toEqual({ s: 2 });
  });

  it('does not keep a close from answering what was called before it', async () => {
    const { store, other } = await locked('5s');
    const waiting = store.commit([append], open());
    const closed = store.close();
    await sleep(20);
    other.exec('ROLLBACK');
    expect((await unwrap(waiting)).sequences).toEqual({ s: 2 });
    await unwrap(closed);
  });
});

describe('the files', () => {
  it('are for their owner alone, and the log is emptied by a close', async () => {
    const path = databasePath();
    const store = storeAt(path);
    await unwrap(store.commit([append], open()));
    for (const name of [path, `${path}-wal`]) expect(statSync(name).mode & 0o777, name).toBe(0o600);
    await unwrap(store.close());
    expect(existsSync(`${path}-wal`) ? statSync(`${path}-wal`).size : 0).toBe(0);
  });

  it('are not made by the factory, which says what is wrong with its options', () => {
    const path = databasePath();
    expect(sqliteStore({ path }).isOk()).toBe(true);
    expect(existsSync(path)).toBe(false);
    const wrong = { path: 'libsql://example.com', busyTimeout: 'soon', pth: 1 } as never;
    const error = sqliteStore(wrong)._unsafeUnwrapErr();
    expect(error.kind).toBe('invalid-options');
    expect(error.issues.map((issue) => issue.path).sort()).toEqual([
      'sqliteStore.busyTimeout',
      'sqliteStore.path',
      'sqliteStore.pth',
    ]);
    expect(sqliteStore({} as never)._unsafeUnwrapErr().issues[0]?.path).toBe('sqliteStore.path');
  });
});

/** Only root on a machine of its own may; elsewhere the limit on files above is what there is. */
function canMount(): boolean {
  if (!isRoot || process.platform !== 'linux') return false;
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
