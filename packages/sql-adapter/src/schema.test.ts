import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COLLECTION_INDEXES, type StoreError, systemClock } from '@quayside/core/ports';
import Database from 'libsql';
import { ok, type Result } from 'neverthrow';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Database as OpenDatabase, rowsOf, type Work } from './dialect.js';
import { MIGRATIONS } from './migrations/index.js';
import type { Migration } from './migrations/migration.js';
import { bringUpToDate } from './schema.js';
import { sqliteDialect } from './sqlite/dialect.js';
import { createStatements } from './statements.js';
import { TABLES } from './tables.js';

const { signal } = new AbortController();

async function migrated(path: string, migrations = MIGRATIONS) {
  const dialect = sqliteDialect({ path, clock: systemClock(), busyTimeoutMs: 5_000 });
  const database: OpenDatabase = (await dialect.open())._unsafeUnwrap();
  const answer = await bringUpToDate(dialect, createStatements(dialect), database, signal, migrations);
  await database.close();
  return answer;
}

function path(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quayside-schema-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'quayside.db');
}

/** `table(columns)` of every index, and every column of every table. */
function shapeOf(file: string) {
  const database = new Database(file);
  const names = (sql: string) => database.prepare(sql).all([]) as { name: string }[];
  const tables = names(`select name from sqlite_master where type = 'table'`);
  const columns = new Map(tables.map(({ name }) => [name, names(`pragma table_info('${name}')`).map((c) => c.name)]));
  const indexes = tables.flatMap(({ name }) =>
    names(`pragma index_list('${name}')`).map(
      (index) => `${name}(${names(`pragma index_info('${index.name}')`).map((column) => column.name)})`,
    ),
  );
  database.close();
  return { columns, indexes };
}

const second: Migration = {
  name: '0002-test',
  statements: (db) => [db.schema.createTable('second').addColumn('id', 'text')],
};
const broken: Migration = {
  name: '0003-test',
  statements: (db) => [
    db.schema.createTable('third').addColumn('id', 'text'),
    db.schema.createTable('second').addColumn('id', 'text'),
  ],
};

describe('the schema', () => {
  it('has a table for every collection and an index, ended by the id, for every declared one', async () => {
    const file = path();
    await migrated(file);
    const { columns, indexes } = shapeOf(file);
    // Whoever declares a collection or an index in the core adds a migration here.
    for (const table of TABLES.values()) {
      expect(columns.get(table.name), table.name).toEqual(
        expect.arrayContaining(['id', 'version', 'body', ...table.columns]),
      );
    }
    for (const [collection, declared] of Object.entries(COLLECTION_INDEXES)) {
      const table = TABLES.get(collection);
      for (const index of declared as readonly (readonly string[])[]) {
        const at = index.map((field) => table?.columns[table.fields.indexOf(field)]);
        expect(indexes).toContain(`${table?.name}(${at},id)`);
      }
    }
  });

  it('goes forward from where it is, and keeps the store’s id', async () => {
    const file = path();
    const id = (await migrated(file))._unsafeUnwrap();
    expect((await migrated(file, [...MIGRATIONS, second]))._unsafeUnwrap()).toBe(id);
    expect(shapeOf(file).columns.has('second')).toBe(true);
    // Nothing runs twice: a second `create table` would fail.
    expect((await migrated(file, [...MIGRATIONS, second]))._unsafeUnwrap()).toBe(id);
    const older = (await migrated(file))._unsafeUnwrapErr();
    expect(older).toMatchObject({ kind: 'store-refused', code: 'newer-schema' });
  });

  it('is brought up to date whole or not at all', async () => {
    const file = path();
    await migrated(file);
    const failed = await migrated(file, [...MIGRATIONS, second, broken]);
    expect(failed.isErr()).toBe(true);
    const { columns } = shapeOf(file);
    expect([columns.has('second'), columns.has('third')]).toEqual([false, false]);
    expect((await migrated(file)).isOk()).toBe(true);
  });

  it('gives every store an id of its own', async () => {
    const ids = [(await migrated(path()))._unsafeUnwrap(), (await migrated(path()))._unsafeUnwrap()];
    expect(ids[0]).not.toBe(ids[1]);
  });
});

describe('a commit', () => {
  it('is flushed before it is answered: a write-ahead log, and synchronous = FULL', async () => {
    const dialect = sqliteDialect({ path: path(), clock: systemClock(), busyTimeoutMs: 5_000 });
    const database = (await dialect.open())._unsafeUnwrap();
    const asked = await database.write(function* (): Work<Result<unknown, StoreError>> {
      const [synchronous] = yield* rowsOf({ sql: 'PRAGMA synchronous', values: [], answer: 'row' });
      const [mode] = yield* rowsOf({ sql: 'PRAGMA journal_mode', values: [], answer: 'row' });
      return ok([synchronous?.['synchronous'], mode?.['journal_mode']]);
    }, signal);
    expect(asked._unsafeUnwrap()).toEqual([2, 'wal']);
    await database.close();
  });
});
