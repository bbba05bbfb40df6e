/**
 * A commit, as work on the database: it locks what it depends on, looks at all of that at once, decides what is to be written, and
 * writes it, the streams last: their rows are what commits wait for most, and so are held for the shortest time.
 */
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
import type { Ask, Dialect, Row, SqlValue, Work } from './dialect.js';
import { newerSchema } from './errors.js';
import { encode } from './json.js';
import { SCHEMA_LOCK } from './meta.js';
import type { Statements } from './statements.js';
import { changeStreams, groupByStream } from './streams.js';
import { columnOf, columnValue, type Table, tableOf } from './tables.js';

/** Where a commit goes. A database whose schema has gone on since it was opened is not written to. */
export interface Target {
  readonly statements: Statements;
  readonly schema: number;
  readonly dialect: Dialect;
}

export type CommitWork = (target: Target) => Work<Result<CommitReceipt, StoreError>>;

type RecordChange = Exclude<Change, { op: 'append' | 'trim' }>;

/** A change as it will be written: encoded when the commit was called, whatever its caller does with it afterwards. */
interface Step {
  readonly key: string;
  readonly op: RecordChange['op'];
  readonly version: number | undefined;
  /** Undefined where it removes. */
  readonly written: Written | undefined;
}

interface Written {
  readonly body: string;
  readonly columns: Readonly<Record<string, SqlValue>>;
}

/** A record that the commit depends on or changes. */
interface Subject {
  readonly table: Table;
  readonly id: string;
  /** Its body is looked at too. */
  isFence: boolean;
  isChanged: boolean;
}

/** A record as it is at some point of the commit. */
interface State {
  readonly version: number;
  /** Undefined while it is as it was found. */
  readonly written: Written | undefined;
}

/** @throws what is no plain JSON, and fields or collections that there are not: mistakes of the caller's */
export function prepareCommit(
  changes: readonly Change[],
  { fence = [], expect = [] }: Pick<CommitOptions, 'fence' | 'expect'>,
): Result<CommitWork, StoreError> {
  if (changes.length > CHANGES_MAX) return err(tooManyChanges(changes.length));
  const subjects = new Map<string, Subject>();
  const subject = (table: Table, id: string, also: Partial<Subject> = {}): string => {
    const key = `${table.name}/${id}`;
    const found = subjects.get(key) ?? { table, id, isFence: false, isChanged: false };
    subjects.set(key, Object.assign(found, also));
    return key;
  };
  const fences = fence.map(({ lease, token }) => ({
    key: subject(tableOf('leases'), lease, { isFence: true }),
    lease,
    token,
  }));
  const expected = expect.map(({ collection, id, version }) => ({ key: subject(tableOf(collection), id), version }));
  const steps = changes.filter(isRecordChange).map((change): Step => {
    const table = tableOf(change.collection);
    const id = change.op === 'remove' ? change.id : change.record.id;
    const key = subject(table, id, { isChanged: true });
    const version = change.op === 'insert' ? undefined : change.version;
    return {
      key,
      op: change.op,
      version,
      written: change.op === 'remove' ? undefined : encodeRecord(table, change.record),
    };
  });
  const streams = groupByStream(changes);
  const locks = [
    { key: SCHEMA_LOCK, isExclusive: false },
    ...[...subjects].map(([key, { isChanged }]) => ({ key, isExclusive: isChanged })),
  ];

  return ok(function* ({ statements, schema, dialect }) {
    const lock = dialect.lock ? [dialect.lock(locks)] : [];
    const looks = [...subjects.values()].map(({ table, id, isFence }) =>
      statements.of(table)[isFence ? 'get' : 'look']({ id }),
    );
    const answers = yield [...lock, statements.meta({ key: 'schema' }), ...looks];
    const [[meta] = [], ...looked] = answers.slice(lock.length);
    const schemaFound = Number(meta?.['value'] ?? 0);
    if (schemaFound !== schema) return err(newerSchema(dialect, schemaFound, schema));

    const found = new Map([...subjects.keys()].map((key, index) => [key, looked[index]?.[0]]));
    for (const { key, lease, token } of fences) {
      const row = found.get(key);
      const held = row && (JSON.parse(String(row['body'])) as LeaseRecord);
      if (held?.token !== token || held.holder === null) return err(fenceFailed(lease, token));
    }
    for (const { key, version } of expected) {
      if (versionOf(found.get(key)) !== version) return err(conflict(subjects, key));
    }
    const after = apply(steps, found);
    if (typeof after === 'string') return err(conflict(subjects, after));
    const writes = [...after].flatMap(([key, state]) => {
      const at = subjects.get(key);
      return at ? write(statements, at, found.get(key), state) : [];
    });
    return ok({ sequences: yield* changeStreams(statements, streams, writes) });
  });
}

const isRecordChange = (change: Change): change is RecordChange => 'collection' in change;

const versionOf = (row: Row | undefined): number | null => (row ? Number(row['version']) : null);

function conflict(subjects: ReadonlyMap<string, Subject>, key: string): StoreError {
  const at = subjects.get(key);
  if (!at) throw new TypeError(`No subject "${key}".`);
  return storeConflict(at.table.collection, at.id);
}

/** What the records are after the changes, null where one is gone; the key of the one that is not as a change expects it. */
function apply(
  steps: readonly Step[],
  found: ReadonlyMap<string, Row | undefined>,
): ReadonlyMap<string, State | null> | string {
  const after = new Map<string, State | null>();
  for (const { key, op, version, written } of steps) {
    const now = after.has(key) ? (after.get(key)?.version ?? null) : versionOf(found.get(key));
    const isMet = op === 'insert' ? now === null : version === undefined || version === now;
    if (!isMet) return key;
    after.set(key, written ? { version: (now ?? 0) + 1, written } : null);
  }
  return after;
}

function write(statements: Statements, { table, id }: Subject, row: Row | undefined, state: State | null): Ask[] {
  const on = statements.of(table);
  if (!state?.written) return row ? [on.remove({ id })] : [];
  const { version } = state;
  const { body, columns } = state.written;
  if (!row) return [on.insert({ ...columns, id, version, body })];
  // Only columns that change are written: each of them costs an index two pages.
  const changed = Object.keys(columns).filter((column) => columns[column] !== row[column]);
  return [on.update(changed)({ ...columns, id, version, body })];
}

function encodeRecord(table: Table, record: { readonly id: string }): Written {
  const fields = new Map<string, unknown>(Object.entries(record));
  return {
    body: encode(record),
    columns: Object.fromEntries(
      table.fields.map((field) => [columnOf(field), columnValue(table, field, fields.get(field))]),
    ),
  };
}
