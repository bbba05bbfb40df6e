import { type StoreError, storeConflict, systemClock } from '@quayside/core/ports';
import { virtualClock } from '@quayside/core/testing';
import { err, ok, type Result } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import type { Work } from '../dialect.js';
import { loadDriver, type WriterConnection } from './driver.js';
import { Writer } from './writer.js';

const never = new AbortController().signal;

/** A real connection, every statement of which is written down, and which fails where it is told to. */
async function open(failing: (sql: string) => string | undefined = () => undefined) {
  const real = (await loadDriver()).writer(':memory:');
  await real.exec('create table t (id text primary key) strict');
  const said: string[] = [];
  let hangs: Promise<void> = Promise.resolve();
  const check = (sql: string) => {
    said.push(sql);
    const code = failing(sql);
    if (code) throw Object.assign(new Error('told to fail'), { code });
  };
  const connection: WriterConnection = {
    get inTransaction() {
      return real.inTransaction;
    },
    async prepare(sql) {
      const statement = await real.prepare(sql);
      return {
        run: (values) => {
          check(sql);
          return statement.run(values);
        },
        get: (values) => statement.get(values),
        all: (values) => statement.all(values),
      };
    },
    async exec(sql) {
      if (sql === 'COMMIT') await hangs;
      check(sql);
      return real.exec(sql);
    },
    close: () => real.close(),
  };
  const clock = virtualClock();
  let commits = 0;
  const writer = new Writer(
    connection,
    {
      path: 'x.db',
      clock: { ...systemClock(), after: clock.after, monotonicMs: clock.monotonicMs },
      busyTimeoutMs: 1_000,
    },
    () => {
      commits += 1;
    },
  );
  return {
    writer,
    said,
    clock,
    commits: () => commits,
    hang: (until: Promise<void>) => {
      hangs = until;
    },
    ids: async () => (await (await real.prepare('select id from t order by id')).all([])).map((row) => row['id']),
  };
}

const insert = (id: string, outcome: Result<string, StoreError> = ok(id)) =>
  function* (): Work<Result<string, StoreError>> {
    yield [{ sql: 'insert into t values (?)', values: [id], answer: 'none' }];
    return outcome;
  };
const count = (said: readonly string[], sql: string) => said.filter((each) => each === sql).length;

describe('works that gather while the disk is busy', () => {
  it('share one flush, and are answered each for itself', async () => {
    const { writer, said, ids, commits } = await open();
    const works = ['a', 'b', 'c', 'd', 'e'].map((id) => writer.run(insert(id), never));
    expect((await Promise.all(works)).map((each) => each._unsafeUnwrap())).toEqual(['a', 'b', 'c', 'd', 'e']);
    // At most the first alone, and then the others together.
    expect(count(said, 'COMMIT')).toBeLessThanOrEqual(2);
    expect(commits()).toBe(count(said, 'COMMIT'));
    expect(await ids()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('are not taken along when one of them is refused', async () => {
    const { writer, ids } = await open();
    const works = [
      writer.run(insert('a'), never),
      writer.run(insert('b'), never),
      writer.run(insert('c', err(storeConflict('cursors', 'c'))), never),
      writer.run(insert('d'), never),
    ];
    expect((await Promise.all(works)).map((each) => each.isOk())).toEqual([true, true, false, true]);
    expect(await ids()).toEqual(['a', 'b', 'd']);
  });

  it('are done again, each alone, when one of them breaks', async () => {
    const { writer, ids } = await open();
    const works = [
      writer.run(insert('a'), never),
      writer.run(insert('b'), never),
      // A primary key that is there: nothing that a work expects, and SQLite throws.
      writer.run(insert('b'), never),
      writer.run(insert('d'), never),
    ];
    const answers = await Promise.all(works);
    expect(answers.map((each) => each.isOk())).toEqual([true, true, false, true]);
    expect(answers[2]?._unsafeUnwrapErr().kind).toBe('bug');
    expect(await ids()).toEqual(['a', 'b', 'd']);
  });
});

describe('a commit that fails', () => {
  it('is unknown where the flush failed, and refused where the disk was full', async () => {
    for (const [code, kind, outcome] of [
      ['SQLITE_IOERR_FSYNC', 'store-unavailable', 'unknown'],
      ['SQLITE_FULL', 'store-refused', 'refused'],
    ] as const) {
      let fails = true;
      const { writer, ids, commits } = await open((sql) => (sql === 'COMMIT' && fails ? code : undefined));
      expect((await writer.run(insert('a'), never))._unsafeUnwrapErr()).toMatchObject({ kind, code, outcome });
      expect(commits()).toBe(0);
      fails = false;
      expect((await writer.run(insert('a'), never)).isOk()).toBe(true);
      expect(await ids()).toEqual(['a']);
    }
  });

  it('before its commit is certain to have done nothing', async () => {
    const { writer } = await open((sql) => (sql.startsWith('insert') ? 'SQLITE_IOERR_READ' : undefined));
    expect((await writer.run(insert('a'), never))._unsafeUnwrapErr()).toMatchObject({
      kind: 'store-unavailable',
      outcome: 'refused',
    });
  });
});

describe('an abort', () => {
  it('of a commit that has begun waits for what becomes of it', async () => {
    const { writer, hang } = await open();
    let release = () => {};
    hang(
      new Promise((resolve) => {
        release = resolve;
      }),
    );
    const controller = new AbortController();
    const running = writer.run(insert('a'), controller.signal);
    await new Promise((resolve) => setTimeout(resolve, 10));
    controller.abort();
    release();
    expect((await running).isOk()).toBe(true);
  });

  it('of one whose disk hangs is answered after a second, and its outcome is unknown', async () => {
    const { writer, hang, clock } = await open();
    hang(new Promise(() => {}));
    const controller = new AbortController();
    const running = writer.run(insert('a'), controller.signal);
    await new Promise((resolve) => setTimeout(resolve, 10));
    controller.abort();
    await clock.advance(1_000);
    const error = (await running)._unsafeUnwrapErr();
    expect(error.kind).toBe('aborted');
    expect(error.outcome).toBeUndefined();
  });
});
