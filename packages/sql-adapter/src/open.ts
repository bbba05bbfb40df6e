import type { StoreError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Database, Dialect } from './dialect.js';
import { MIGRATIONS } from './migrations/index.js';
import { bringUpToDate } from './schema.js';
import { createStatements, type Statements } from './statements.js';

export interface OpenStore {
  readonly database: Database;
  readonly statements: Statements;
  readonly storeId: string;
  readonly dialect: Dialect;
  /** How many migrations it has. */
  readonly schema: number;
}

export async function openStore(dialect: Dialect): Promise<Result<OpenStore, StoreError>> {
  const opened = await dialect.open();
  if (opened.isErr()) return err(opened.error);
  const database = opened.value;
  const statements = createStatements(dialect);
  // Every wait in there has the dialect's own bound.
  const storeId = await bringUpToDate(dialect, statements, database, new AbortController().signal);
  if (storeId.isOk()) {
    return ok({
      database,
      statements,
      storeId: storeId.value,
      dialect,
      schema: MIGRATIONS.length,
    });
  }
  await database.close();
  return err(storeId.error);
}
