import { sqliteStore as real, type SqliteStoreOptions } from '../../../../packages/sql-adapter/src/index.js';
import { standIn } from '../site.js';

export * from '../../../../packages/sql-adapter/src/index.js';

/** A real one, in memory. */
export const sqliteStore = standIn('sqliteStore', real, (_site, options: SqliteStoreOptions) =>
  real({ ...options, path: ':memory:' })._unsafeUnwrap(),
);
