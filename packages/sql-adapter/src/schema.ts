/** Brings a database's schema up to date, and refuses what is not ours to write. Forward only. */
import type { StoreError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { type Ask, type Database, type Dialect, rowsOf, type SqlValue, type Work } from './dialect.js';
import { foreignTables, newerSchema } from './errors.js';
import { schemaOf } from './meta.js';
import { MIGRATIONS } from './migrations/index.js';
import type { Migration } from './migrations/migration.js';
import { queryBuilder, type Statements } from './statements.js';
import { META_TABLE } from './tables.js';

/**
 * Runs what the database has not had yet, in one transaction, and answers the store's id. Processes that start at the same time wait
 * for one of them to do it.
 *
 * @param migrations a test's own
 */
export async function bringUpToDate(
  dialect: Dialect,
  statements: Statements,
  database: Database,
  signal: AbortSignal,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<Result<string, StoreError>> {
  const look = () => inspect(dialect, statements, migrations.length);
  const seen = (await database.read(look, signal)).andThen((answer) => answer);
  if (seen.isErr()) return err(seen.error);
  if (seen.value < migrations.length) {
    const db = queryBuilder(dialect);
    const migrated = await database.migrate(function* (): Work<Result<void, StoreError>> {
      // Looked at again: by now another process may have done it.
      const at = yield* look();
      if (at.isErr()) return err(at.error);
      const asks = migrations.slice(at.value).flatMap((migration) =>
        migration.statements(db, dialect).map((statement): Ask => {
          const { sql, parameters } = statement.compile();
          return { sql, values: parameters as readonly SqlValue[], answer: 'none' };
        }),
      );
      const [remove, insert] = statements.setSchema;
      const begin = at.value === 0 ? dialect.begin : [];
      yield [...begin, ...asks, remove(), insert({ schema: String(migrations.length) })];
      return ok(undefined);
    }, signal);
    if (migrated.isErr()) return err(migrated.error);
  }
  return database.read(function* () {
    const [row] = yield* rowsOf(statements.meta({ key: 'storeId' }));
    return String(row?.['value']);
  }, signal);
}

function* inspect(dialect: Dialect, statements: Statements, latest: number): Work<Result<number, StoreError>> {
  const names = (yield* rowsOf(statements.tables())).map((row) => String(row['name']));
  if (names.length === 0) return ok(0);
  if (!names.includes(META_TABLE)) return err(foreignTables(dialect, names));
  const schema = yield* schemaOf(statements);
  return schema > latest ? err(newerSchema(dialect, schema, latest)) : ok(schema);
}
