/** A commit, as work on the database. It runs alone among writers, so that what it has looked at stays so until it is done. */
import {
  CHANGES_MAX,
  type Change,
  type CommitOptions,
  type CommitReceipt,
  fenceFailed,
  type LeaseRecord,
  type StoreError,
  storeConflict,
  tooManyChanges,
} from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Row, SqlValue, Work } from './dialect.js';
import { newerSchema } from './errors.js';
import { schemaOf } from './meta.js';
import type { RecordStatements, Statements } from './statements.js';
import { columnOf, columnValue, type Table, tableOf } from './tables.js';

/** Where a commit goes. A database whose schema has gone on since it was opened is not written to. */
export interface Target {
  readonly statements: Statements;
  readonly schema: number;
  readonly place: string;
}

export type CommitWork = (target: Target) => Work<Result<CommitReceipt, StoreError>>;

/** A change as it will be written: encoded when the commit was called, whatever its caller does with it afterwards. */
type Step = (statements: Statements, drawn: Record<string, number>) => Work<StoreError | undefined>;

/** @throws what is no plain JSON, and fields or collections that there are not: mistakes of the caller's */
export function prepareCommit(
  changes: readonly Change[],
  { fence = [], expect = [] }: Pick<CommitOptions, 'fence' | 'expect'>,
): Result<CommitWork, StoreError> {
  if (changes.length > CHANGES_MAX) return err(tooManyChanges(changes.length));
  const steps = changes.map(stepOf);
  const fences = fence.map(({ lease, token }) => ({ lease, token }));
  const expected = expect.map(({ collection, id, version }) => ({ table: tableOf(collection), id, version }));

  return ok(function* ({ statements, schema, place }) {
    const found = yield* schemaOf(statements);
    if (found !== schema) return err(newerSchema(place, found, schema));
    for (const { lease, token } of fences) {
      const [row] = yield statements.of(tableOf('leases')).get({ id: lease });
      const held = row && (JSON.parse(String(row['body'])) as LeaseRecord);
      if (held?.token !== token || held.holder === null) return err(fenceFailed(lease, token));
    }
    for (const { table, id, version } of expected) {
      const [row] = yield statements.of(table).look({ id });
      if ((row ? row['version'] : null) !== version) return err(storeConflict(table.collection, id));
    }
    const sequences: Record<string, number> = {};
    for (const step of steps) {
      const error = yield* step(statements, sequences);
      if (error) return err(error);
    }
    return ok({ sequences });
  });
}

function stepOf(change: Change): Step {
  if (change.op === 'append') return append(change.stream, change.entries.map(encode));
  if (change.op === 'trim') return change.drop ? drop(change.stream) : trim(change.stream, change.through);
  const table = tableOf(change.collection);
  return change.op === 'remove' ? remove(table, change.id, change.version) : write(table, change);
}

function write(table: Table, change: Extract<Change, { op: 'insert' | 'put' }>): Step {
  const { id } = change.record;
  const fields = new Map<string, unknown>(Object.entries(change.record));
  const body = encode(change.record);
  const columns = Object.fromEntries(
    table.fields.map((field) => [columnOf(field), columnValue(table, field, fields.get(field))]),
  );
  const mayBeThere = change.op === 'put';
  const version = change.op === 'put' ? change.version : undefined;
  return function* (statements) {
    const on = statements.of(table);
    const [row] = yield on.look({ id });
    const isMet = row ? mayBeThere && (version ?? row['version']) === row['version'] : version === undefined;
    if (!isMet) return storeConflict(table.collection, id);
    yield row ? update(on, row, { id, body }, columns) : on.insert({ ...columns, id, version: 1, body });
    return undefined;
  };
}

function remove(table: Table, id: string, version: number | undefined): Step {
  return function* (statements) {
    const on = statements.of(table);
    const [row] = yield on.look({ id });
    if (version !== undefined && row?.['version'] !== version) return storeConflict(table.collection, id);
    if (row) yield on.remove({ id });
    return undefined;
  };
}

function trim(name: string, through: number): Step {
  return function* ({ stream }) {
    yield stream.trim({ name, through });
    return undefined;
  };
}

function drop(name: string): Step {
  return function* ({ stream }) {
    yield stream.trim({ name, through: Number.MAX_SAFE_INTEGER });
    yield stream.drop({ name });
    return undefined;
  };
}

/** Only columns that change are written: each of them costs an index two pages. */
function update(
  on: RecordStatements,
  row: Row,
  fixed: { readonly id: string; readonly body: string },
  columns: Readonly<Record<string, SqlValue>>,
) {
  const changed = Object.keys(columns).filter((column) => columns[column] !== row[column]);
  return on.update(changed)({ ...columns, ...fixed, version: Number(row['version']) + 1 });
}

function append(name: string, entries: readonly string[]): Step {
  return function* ({ stream }, drawn) {
    const [grown] = yield stream.draw({ name, count: entries.length });
    const [row] = grown ? [grown] : yield stream.begin({ name, count: entries.length });
    const id = Number(row?.['id']);
    const first = Number(row?.['last']) - entries.length + 1;
    drawn[name] ??= first;
    for (const [index, body] of entries.entries()) yield stream.add({ id, seq: first + index, body });
    return undefined;
  };
}

/** @throws what is no plain JSON */
function encode(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`A ${typeof value} is no plain JSON.`);
  return text;
}
