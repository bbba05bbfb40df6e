import type { ResultAsync } from 'neverthrow';
import type { AbortedError, BugError, TaggedError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type { CollectionName, Collections } from '../domain/records.js';
import type { CallOptions } from './call.js';
import type { KeepsSecrets } from './secrets.js';

/** More changes than this in one commit are refused: a document store has such limits too. */
export const CHANGES_MAX = 100;

export type StoreError =
  | AbortedError
  | BugError
  | TaggedError<'store-unavailable'>
  | TaggedError<'store-refused'>
  | TaggedError<'closed'>
  | ConflictError
  | LeaseLostError;

/** A record is not as the commit expected it. Nothing was written. */
export type ConflictError = TaggedError<'store-conflict'> & {
  readonly collection: CollectionName;
  readonly id: string;
};

/** A fence did not hold: somebody else has the lease. Nothing was written. */
export type LeaseLostError = TaggedError<'lease-lost'> & { readonly lease: string };

/** A record with its version, which is 1 when it is inserted and grows by one with every write. */
export interface Stored<T> {
  readonly value: T;
  readonly version: number;
}

/** One change, of any collection. */
export type Change = { readonly [C in CollectionName]: ChangeOf<C> }[CollectionName] | Append | Trim;

export type ChangeOf<C extends CollectionName> =
  /** Fails with a conflict where there is a record of that id. */
  | { readonly op: 'insert'; readonly collection: C; readonly record: Collections[C] }
  /** Writes over what is there; with `version`, only over exactly that one. Without it, also where nothing is. */
  | { readonly op: 'put'; readonly collection: C; readonly record: Collections[C]; readonly version?: number }
  /** Gone already is fine, unless a `version` is given. */
  | { readonly op: 'remove'; readonly collection: C; readonly id: string; readonly version?: number };

/**
 * Adds entries to the end of a stream. Their sequence numbers are drawn inside the commit, without a gap and in the order in
 * which commits become visible: who has read up to 12 never misses an 11.
 */
export interface Append {
  readonly op: 'append';
  /** `events`, or a deployment's log as `log:{id}`. */
  readonly stream: string;
  readonly entries: readonly Json[];
}

/** Removes a stream's entries up to and with `through`; their numbers are not used again. Absent is fine. */
export interface Trim {
  readonly op: 'trim';
  readonly stream: string;
  readonly through: number;
  /** The stream itself goes with all its entries, its numbers included: only for one that nobody ever appends to again. */
  readonly drop?: boolean;
}

/** The lease must be held under this token when the commit happens. */
export interface Fence {
  readonly lease: string;
  readonly token: number;
}

/** A record must have this version, or not exist (`version` null), when the commit happens. */
export interface Expectation {
  readonly collection: CollectionName;
  readonly id: string;
  readonly version: number | null;
}

export interface CommitOptions extends CallOptions {
  readonly fence?: readonly Fence[];
  readonly expect?: readonly Expectation[];
}

export interface CommitReceipt {
  /** Per stream that was appended to, the sequence number of its first new entry. */
  readonly sequences: { readonly [stream: string]: number };
}

export interface StreamEntry {
  readonly seq: number;
  readonly value: Json;
}

export interface Query<C extends CollectionName> {
  /** Equality on the fields of one declared index (`COLLECTION_INDEXES`), or none: then all. Anything else is a `bug`. */
  readonly where?: { readonly [F in keyof Collections[C]]?: Collections[C][F] & (string | number | null) };
  /** By id: `asc` is oldest first. Default `asc`. */
  readonly order?: 'asc' | 'desc';
  /** Only ids behind this one, in that order. */
  readonly after?: string;
  /** Default and greatest 1 000. */
  readonly limit?: number;
}

/**
 * Where everything is kept. `commit` is the only way to write, and it is all or nothing: a terminal status and its event
 * cannot part. There is no interactive transaction, so a document store can do it too. No method answers *now*.
 *
 * A call whose answer is lost answers `store-unavailable`, and what it asked may have happened: the caller reads again.
 */
export interface Store extends KeepsSecrets {
  /** What it is, for errors and logs: `sqlite`. */
  readonly name: string;

  /**
   * The store's id: 12 characters of `[0-9a-z]`, drawn at random when the store was made, and the same for ever. The first
   * call opens the store and brings its schema up to date; one of a newer schema is refused (`store-refused`).
   */
  storeId(options: CallOptions): ResultAsync<string, StoreError>;

  /** At most `CHANGES_MAX` changes, in their order, all or nothing. Fences and expectations are looked at first. */
  commit(changes: readonly Change[], options: CommitOptions): ResultAsync<CommitReceipt, StoreError>;

  get<C extends CollectionName>(
    collection: C,
    id: string,
    options: CallOptions,
  ): ResultAsync<Stored<Collections[C]> | undefined, StoreError>;

  /** An index walk: its cost follows `limit` and never what the collection holds. */
  list<C extends CollectionName>(
    collection: C,
    query: Query<C>,
    options: CallOptions,
  ): ResultAsync<readonly Stored<Collections[C]>[], StoreError>;

  /** A stream's entries behind `after` (0: from the first), oldest first, at most `limit` (default and greatest 1 000). */
  read(
    stream: string,
    query: { readonly after: number; readonly limit?: number },
    options: CallOptions,
  ): ResultAsync<readonly StreamEntry[], StoreError>;

  /**
   * Calls back soon after commits, whoever made them; several may be told of in one call, and one for nothing is allowed: it
   * means *look again*. A listener that throws harms nobody. The answer unsubscribes. Without it, followers look every 250 ms.
   */
  subscribe?(listener: () => void): () => void;

  /** Nothing may be called afterwards; twice is `ok`. */
  close(): ResultAsync<void, StoreError>;
}
