import type { Row, Work } from './dialect.js';
import type { Statements } from './statements.js';

/** How many migrations the database has: 0 where it says nothing about it. */
export function* schemaOf(statements: Statements): Work<number> {
  const [row]: readonly Row[] = yield statements.meta({ key: 'schema' });
  return Number(row?.['value'] ?? 0);
}
