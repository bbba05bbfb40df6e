/** Reads, as work on the database: each one statement, and an index walk. */
import type { Json, Query, Stored, StreamEntry } from '@quayside/core/ports';
import { type Row, rowsOf, type Work } from './dialect.js';
import type { Statements } from './statements.js';
import { columnOf, columnValue, type Table, tableOf } from './tables.js';

const LIMIT_MAX = 1_000;
const limitOf = (limit: number | undefined): number => Math.max(0, Math.min(LIMIT_MAX, limit ?? LIMIT_MAX));

const stored = <T>(row: Row): Stored<T> => ({
  value: JSON.parse(String(row['body'])) as T,
  version: Number(row['version']),
});

export function getWork<T>(statements: Statements, collection: string, id: string): () => Work<Stored<T> | undefined> {
  const on = statements.of(tableOf(collection));
  return function* () {
    const [row] = yield* rowsOf(on.get({ id }));
    return row && stored<T>(row);
  };
}

/** @throws where no index covers the query: a mistake of the caller's, which would be a walk over everything */
export function listWork<T>(
  statements: Statements,
  collection: string,
  query: Pick<Query<never>, 'order' | 'after' | 'limit'> & { readonly where?: object },
): () => Work<readonly Stored<T>[]> {
  const table = tableOf(collection);
  const where = Object.entries(query.where ?? {}).map(
    ([field, value]) => [field, columnValue(table, field, value)] as const,
  );
  assertIndexed(
    table,
    where.map(([field]) => field),
  );
  const { after, order = 'asc' } = query;
  const ask = statements.of(table).list({
    where: where.map(([field, value]) => [field, value === null]),
    order,
    hasAfter: after !== undefined,
  })({
    ...Object.fromEntries(where.map(([field, value]) => [columnOf(field), value])),
    after: after ?? null,
    limit: limitOf(query.limit),
  });
  return function* () {
    return (yield* rowsOf(ask)).map((row) => stored<T>(row));
  };
}

export function readWork(
  statements: Statements,
  name: string,
  query: { readonly after: number; readonly limit?: number },
): () => Work<readonly StreamEntry[]> {
  const ask = statements.stream.read({ name, after: query.after, limit: limitOf(query.limit) });
  return function* () {
    return (yield* rowsOf(ask)).map((row) => ({
      seq: Number(row['seq']),
      value: JSON.parse(String(row['body'])) as Json,
    }));
  };
}

function assertIndexed(table: Table, fields: readonly string[]): void {
  if (fields.length === 0) return;
  const isCovered = table.indexes.some(
    (index) => index.length === fields.length && fields.every((field) => index.includes(field)),
  );
  if (!isCovered) throw new TypeError(`No index of "${table.collection}" covers ${fields.join(', ')}.`);
}
