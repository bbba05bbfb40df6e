import { rowsOf, type Work } from './dialect.js';
import type { Statements } from './statements.js';

/** Every commit holds this with the others; who changes the schema holds it alone. */
export const SCHEMA_LOCK = 'schema';

/** How many migrations the database has: 0 where it says nothing about it. */
export function* schemaOf(statements: Statements): Work<number> {
  const [row] = yield* rowsOf(statements.meta({ key: 'schema' }));
  return Number(row?.['value'] ?? 0);
}
