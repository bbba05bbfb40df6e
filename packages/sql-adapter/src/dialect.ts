/**
 * The seam between what the store says (tables, statements, commits: the same for every database) and how one database is
 * spoken to. A second database is a second implementation of `Dialect`, beside `sqlite/`.
 *
 * What the store does is written once, as generators that ask for statements and get rows. The database drives them: SQLite without
 * ever leaving the call stack, so that nothing can come between two statements, another one by awaiting each answer.
 */
import type { StoreError } from '@quayside/core/ports';
import type { ColumnDataType, ColumnDefinitionBuilder, DialectAdapter, QueryCompiler } from 'kysely';
import type { Result } from 'neverthrow';

export type SqlValue = string | number | null;
export type Row = Readonly<Record<string, SqlValue>>;

/** A statement with its values, and what is wanted of it: nothing, at most one row, or all. */
export interface Ask {
  readonly sql: string;
  readonly values: readonly SqlValue[];
  readonly answer: 'none' | 'row' | 'rows';
}

/** Work on the database: it asks and goes on with the rows of the answer. It may be run again from its beginning. */
export type Work<T> = Generator<Ask, T, readonly Row[]>;

/** An open database. */
export interface Database {
  /** Reads what is committed. */
  read<T>(work: () => Work<T>, signal: AbortSignal): Promise<Result<T, StoreError>>;
  /**
   * One transaction, alone among all writers of the database: an error rolls it back, as does whatever is thrown. An answer of
   * `ok` is on the disk. Works of this process run in the order of the calls.
   */
  write<T>(work: () => Work<Result<T, StoreError>>, signal: AbortSignal): Promise<Result<T, StoreError>>;
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
  readonly adapter: DialectAdapter;
  readonly compiler: QueryCompiler;
  /** The names of all tables, as rows with `name`. */
  readonly tables: string;
  /** A column that the database numbers itself. */
  readonly serialType: ColumnDataType;
  serial(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder;
  /** What is said at the end of `create table`; undefined: nothing. */
  readonly tableSuffix: { readonly records: string; readonly clustered: string } | undefined;
  /** Bounded by the dialect's own limits. */
  open(): Promise<Result<Database, StoreError>>;
}
