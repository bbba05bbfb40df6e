/**
 * The seam between what the store says (tables, statements, commits: the same for every database) and how one database is
 * spoken to: one implementation of `Dialect` in a folder each, `sqlite/` and `postgres/`.
 *
 * What the store does is written once, as generators that ask for statements and get rows. The database drives them: SQLite without
 * ever leaving the call stack, so that nothing can come between two statements, PostgreSQL by sending each batch in one piece
 * and awaiting its answers.
 */
import type { StoreError } from '@quayside/core/ports';
import type {
  ColumnDataType,
  ColumnDefinitionBuilder,
  CreateTableBuilder,
  DialectAdapter,
  Expression,
  QueryCompiler,
  RawBuilder,
} from 'kysely';
import type { Result } from 'neverthrow';

export type SqlValue = string | number | null;
export type Row = Readonly<Record<string, SqlValue>>;

/** A statement with its values, and what is wanted of it: nothing, at most one row, or all. */
export interface Ask {
  readonly sql: string;
  readonly values: readonly SqlValue[];
  readonly answer: 'none' | 'row' | 'rows';
}

/**
 * Work on the database: it asks, for one or more statements at once, and goes on with the rows of each. A statement sees what the
 * ones before it did. It may be run again from its beginning.
 */
export type Work<T> = Generator<readonly Ask[], T, readonly (readonly Row[])[]>;

/** Asks for one statement. */
export function* rowsOf(ask: Ask): Work<readonly Row[]> {
  const [rows = []] = yield [ask];
  return rows;
}

/** What a commit depends on or changes: a text per record, and whether it may be changed. */
export interface Lock {
  readonly key: string;
  readonly isExclusive: boolean;
}

/** An open database. */
export interface Database {
  /** Reads what is committed. */
  read<T>(work: () => Work<T>, signal: AbortSignal): Promise<Result<T, StoreError>>;
  /**
   * One transaction: an error rolls it back, as does whatever is thrown. An answer of `ok` is on the disk. It is alone with what
   * it has locked (`Dialect.lock`): what it has looked at stays so until it is done.
   */
  write<T>(work: () => Work<Result<T, StoreError>>, signal: AbortSignal): Promise<Result<T, StoreError>>;
  /** A `write` that is alone with the whole store, for as long as it takes. */
  migrate<T>(work: () => Work<Result<T, StoreError>>, signal: AbortSignal): Promise<Result<T, StoreError>>;
  /** Calls back soon after a commit, whoever made it. The answer ends that. */
  watch(onCommit: () => void): () => void;
  /** To be called once nothing is under way any more. */
  close(): Promise<Result<void, StoreError>>;
}

export interface Dialect {
  /** What it is, for errors and logs: `sqlite`. */
  readonly name: string;
  /** Where it is, for errors: a path, a URL without its password. */
  readonly place: string;
  /** What a user names to have another store: `path`. */
  readonly elsewhere: string;
  readonly adapter: DialectAdapter;
  readonly compiler: QueryCompiler;
  /** Where its tables are; undefined: where a database has them anyway. */
  readonly schema: string | undefined;
  /** The names of all tables, as rows with `name`. */
  readonly tables: string;
  /** What is said before the first table is made. */
  readonly begin: readonly Ask[];
  /** Waits for these, in an order that all who lock share, and holds them to the end; undefined where a writer is alone anyway. */
  readonly lock: ((locks: readonly Lock[]) => Ask) | undefined;
  readonly types: {
    /** Compared and ordered by its bytes. */
    readonly text: ColumnDataType | Expression<unknown>;
    readonly number: ColumnDataType | Expression<unknown>;
  };
  /**
   * An id at the end of an index of other columns, and in what is found by them; undefined: `id`. One that no other index has: a
   * planner that counts on it would else rather walk along the ids of all, and drop most of what it finds there.
   */
  readonly indexedId: RawBuilder<string> | undefined;
  /** Makes of a column one that the database numbers itself. */
  serial(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder;
  /** @param kind `clustered`: kept in the order of its key, where a database can */
  table<T extends string>(table: CreateTableBuilder<T>, kind: 'records' | 'clustered'): CreateTableBuilder<T>;
  /** Bounded by the dialect's own limits. */
  open(): Promise<Result<Database, StoreError>>;
}
