/**
 * Every statement that the store knows, built with Kysely for the database's dialect. Each is compiled once, with named places
 * for its values, since building one anew costs more than SQLite needs to run it.
 */
import { type Compilable, DummyDriver, type Expression, Kysely, type RawBuilder, sql } from 'kysely';
import type { Ask, Dialect, SqlValue } from './dialect.js';
import {
  columnOf,
  ENTRIES_TABLE,
  type FixedTables,
  META_TABLE,
  type RecordTable,
  STREAMS_TABLE,
  type Table,
} from './tables.js';

type Values = Readonly<Record<string, SqlValue>>;
/** A compiled statement that waits for its values. */
export type Statement = (values?: Values) => Ask;

/** What a list asks for beside its values: everything that changes the statement's text. */
export interface ListShape {
  /** Per field whether it is to be null. */
  readonly where: readonly (readonly [field: string, isNull: boolean])[];
  readonly order: 'asc' | 'desc';
  readonly hasAfter: boolean;
}

export interface RecordStatements {
  /** `version` and the columns: what a change needs to know of what is there. */
  readonly look: Statement;
  /** `version` and `body`. */
  readonly get: Statement;
  readonly insert: Statement;
  /** Writes the body and these columns; an index whose columns stay as they are is not touched. */
  update(columns: readonly string[]): Statement;
  readonly remove: Statement;
  /** `version` and `body`, by id. */
  list(shape: ListShape): Statement;
}

export interface Statements {
  readonly tables: Statement;
  readonly meta: Statement;
  readonly setSchema: readonly [remove: Statement, insert: Statement];
  of(table: Table): RecordStatements;
  readonly stream: {
    /** Draws `count` numbers: `id` and the `last` of them; no row where there is no such stream. */
    readonly draw: Statement;
    /** The same for a stream that is not there, or that somebody else has just begun. */
    readonly begin: Statement;
    readonly add: Statement;
    readonly trim: Statement;
    /** Forgets an empty stream. */
    readonly drop: Statement;
    readonly read: Statement;
  };
}

/** A place for a value, in the parameters of a compiled statement. */
class Slot {
  constructor(readonly name: string) {}
}
const slot = <T extends SqlValue>(name: string): RawBuilder<T> => sql<T>`${new Slot(name)}`;

function statement(query: Compilable, answer: Ask['answer']): Statement {
  const compiled = query.compile();
  const places = compiled.parameters as readonly (Slot | SqlValue)[];
  return (values = {}) => ({
    sql: compiled.sql,
    answer,
    values: places.map((place) => {
      if (!(place instanceof Slot)) return place;
      const value = values[place.name];
      if (value === undefined) throw new TypeError(`No value for "${place.name}" in: ${compiled.sql}`);
      return value;
    }),
  });
}

/** A Kysely that builds and compiles, and never runs anything: the dialect's own database does that. */
export function queryBuilder(dialect: Dialect): Kysely<FixedTables> {
  const db = new Kysely<FixedTables>({
    dialect: {
      createAdapter: () => dialect.adapter,
      createDriver: () => new DummyDriver(),
      createQueryCompiler: () => dialect.compiler,
      createIntrospector: () => {
        throw new TypeError('The schema is known, and not to be looked up.');
      },
    },
  });
  return dialect.schema === undefined ? db : db.withSchema(dialect.schema);
}

export function createStatements(dialect: Dialect): Statements {
  const db = queryBuilder(dialect);
  const of = memo((table: Table) =>
    recordStatements(db as unknown as Kysely<Record<string, RecordTable>>, table, dialect),
  );
  const streamId = db.selectFrom(STREAMS_TABLE).select('id').where('name', '=', slot<string>('name'));
  return {
    tables: () => ({ sql: dialect.tables, values: [], answer: 'rows' }),
    meta: statement(db.selectFrom(META_TABLE).select('value').where('key', '=', slot<string>('key')), 'row'),
    setSchema: [
      statement(db.deleteFrom(META_TABLE).where('key', '=', 'schema'), 'none'),
      statement(db.insertInto(META_TABLE).values({ key: 'schema', value: slot<string>('schema') }), 'none'),
    ],
    of,
    stream: {
      draw: statement(
        db
          .updateTable(STREAMS_TABLE)
          .set((eb) => ({ last: eb('last', '+', slot<number>('count')) }))
          .where('name', '=', slot<string>('name'))
          .returning(['id', 'last']),
        'row',
      ),
      begin: statement(
        db
          .insertInto(STREAMS_TABLE)
          .values({ name: slot<string>('name'), last: slot<number>('count') } as never)
          .onConflict((on) =>
            on.column('name').doUpdateSet((eb) => ({
              last: eb(eb.ref(`${STREAMS_TABLE}.last`), '+', eb.ref('excluded.last')),
            })),
          )
          .returning(['id', 'last']),
        'row',
      ),
      add: statement(
        db
          .insertInto(ENTRIES_TABLE)
          .values({ stream: slot<number>('id'), seq: slot<number>('seq'), body: slot<string>('body') }),
        'none',
      ),
      trim: statement(
        db.deleteFrom(ENTRIES_TABLE).where('stream', '=', streamId).where('seq', '<=', slot<number>('through')),
        'none',
      ),
      drop: statement(db.deleteFrom(STREAMS_TABLE).where('name', '=', slot<string>('name')), 'none'),
      read: statement(
        db
          .selectFrom(ENTRIES_TABLE)
          .select(['seq', 'body'])
          .where('stream', '=', streamId)
          .where('seq', '>', slot<number>('after'))
          .orderBy('seq')
          .limit(slot<number>('limit')),
        'rows',
      ),
    },
  };
}

function recordStatements(
  db: Kysely<Record<string, RecordTable>>,
  table: Table,
  { indexedId }: Dialect,
): RecordStatements {
  const { name, columns } = table;
  const byId = slot<string>('id');
  const slots = (names: readonly string[]): Record<string, Expression<SqlValue>> =>
    Object.fromEntries(names.map((column) => [column, slot(column)]));
  return {
    look: statement(
      db
        .selectFrom(name)
        .select(['version', ...columns])
        .where('id', '=', byId),
      'row',
    ),
    get: statement(db.selectFrom(name).select(['version', 'body']).where('id', '=', byId), 'row'),
    insert: statement(db.insertInto(name).values(slots(['id', 'version', 'body', ...columns]) as never), 'none'),
    update: memo(
      (changed: readonly string[]) =>
        statement(
          db
            .updateTable(name)
            .set(slots(['version', 'body', ...changed]) as never)
            .where('id', '=', byId),
          'none',
        ),
      (changed) => changed.join(),
    ),
    remove: statement(db.deleteFrom(name).where('id', '=', byId), 'none'),
    list: memo(
      ({ where, order, hasAfter }: ListShape) => {
        const id = (where.length > 0 ? indexedId : undefined) ?? sql.ref<string>('id');
        let query = db.selectFrom(name).select(['version', 'body']);
        for (const [field, isNull] of where) {
          const column = columnOf(field);
          query = isNull ? query.where(column, 'is', null) : query.where(column, '=', slot<string>(column));
          // They are all null: said so that the order is the index's for who does not see that.
          if (isNull) query = query.orderBy(column, order);
        }
        if (hasAfter) query = query.where(id, order === 'asc' ? '>' : '<', slot<string>('after'));
        return statement(query.orderBy(id, order).limit(slot<number>('limit')), 'rows');
      },
      (shape) => JSON.stringify(shape),
    ),
  };
}

/** What is made once per key and kept. Keys are few: they come from code, not from data. */
function memo<K, V>(make: (key: K) => V, text: (key: K) => unknown = (key) => key): (key: K) => V {
  const made = new Map<unknown, V>();
  return (key) => {
    const found = made.get(text(key));
    if (found !== undefined) return found;
    const value = make(key);
    made.set(text(key), value);
    return value;
  };
}
