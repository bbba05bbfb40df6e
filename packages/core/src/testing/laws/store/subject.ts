import type { CollectionName, Collections, CursorRecord, LeaseRecord } from '../../../domain/records.js';
import type { Change, CommitOptions, Store, Stored } from '../../../ports/store.js';
import { open, value } from '../assert.js';

export interface StoreSubject {
  /** New and empty. */
  readonly store: Store;
  /** Another connection to the same data, as a second host has one; `close` of the harness closes it. */
  connect(): Promise<Store>;
  /** Lets a little time pass (real stores: 5 ms), for what arrives by itself. */
  pause(): Promise<void>;
}

export const cursor = (id: string, after = 0): CursorRecord => ({ id, after });
export const insert = (id: string, after = 0): Change => ({
  op: 'insert',
  collection: 'cursors',
  record: cursor(id, after),
});
export const append = (stream: string, ...entries: readonly (string | number)[]): Change => ({
  op: 'append',
  stream,
  entries,
});

export const lease = (id: string, token: number, holder: string | null = 'host-a'): LeaseRecord => ({
  id,
  holder,
  token,
  beat: 0,
  ttlMs: 30_000,
  effectTimeoutMs: 15_000,
  deployment: null,
  since: 0,
});

/** Commits, or the law is broken. */
export const commit = (store: Store, changes: readonly Change[], options: Omit<CommitOptions, 'signal'> = {}) =>
  value(store.commit(changes, { ...options, ...open() }), 'the commit succeeds');

export const get = <C extends CollectionName>(
  store: Store,
  collection: C,
  id: string,
): Promise<Stored<Collections[C]> | undefined> => value(store.get(collection, id, open()), 'get succeeds');

/** The values of a stream, from the first. */
export const streamOf = async (store: Store, stream: string, after = 0) =>
  (await value(store.read(stream, { after }, open()), 'read succeeds')).map((entry) => [entry.seq, entry.value]);

export const idsOf = (found: readonly Stored<{ readonly id: string }>[]) => found.map((each) => each.value.id);
