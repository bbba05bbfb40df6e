import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CallOptions, type Store, unwrap } from '@quayside/core/ports';
import { type PostgresStoreOptions, postgresStore, type SqliteStoreOptions, sqliteStore } from '@quayside/sql-adapter';
import { onTestFinished } from 'vitest';

export const open = (): CallOptions => ({ signal: new AbortController().signal });

/** A folder that is gone after the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'quayside-sql-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A path for a database that is gone after the test. */
export const databasePath = (): string => join(folder(), 'quayside.db');

/** A store that is closed after the test. */
export const storeAt = (path: string, options: Omit<SqliteStoreOptions, 'path'> = {}): Store =>
  closed(unwrap(sqliteStore({ path, ...options })));

/** The same in PostgreSQL. */
export const postgresAt = (
  connectionString: string,
  options: Omit<PostgresStoreOptions, 'connectionString'> = {},
): Store => closed(unwrap(postgresStore({ connectionString, ...options })));

function closed(store: Store): Store {
  onTestFinished(async () => {
    await store.close();
  });
  return store;
}
