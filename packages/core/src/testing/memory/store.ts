import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import { aborted, bug } from '../../domain/errors.js';
import { hashText } from '../../domain/hash.js';
import type { Json } from '../../domain/json.js';
import { COLLECTION_INDEXES, type CollectionName } from '../../domain/records.js';
import {
  CHANGES_MAX,
  type Change,
  type CommitOptions,
  type Store,
  type Stored,
  type StoreError,
  type StreamEntry,
} from '../../ports/store.js';
import { fenceFailed, storeClosed, storeConflict, tooManyChanges } from '../../ports/store-errors.js';

export interface MemoryStore extends Store {
  /** Every change that was ever committed, in order: what a crash after the n-th of them would have left. */
  readonly commits: number;
  /** How many records each collection has, and how many entries each stream; empty ones are left out. */
  sizes(): { readonly [collectionOrStream: string]: number };
  /** Another connection to the same data: what a second host has. */
  connect(): MemoryStore;
}

/** A record as it was written: whoever reads it gets a copy of his own. */
class Entry {
  readonly id: string;
  readonly version: number;
  /** Those that are compared, and never handed out. */
  readonly fields: { readonly [field: string]: unknown };
  readonly #text: string;

  constructor(record: { readonly id: string }, version: number, compared: readonly string[]) {
    this.id = record.id;
    this.version = version;
    this.#text = JSON.stringify(record);
    const fields: Record<string, unknown> = {};
    for (const field of compared) fields[field] = (record as unknown as Record<string, unknown>)[field];
    this.fields = fields;
  }

  copy(): Stored<never> {
    return { value: JSON.parse(this.#text) as never, version: this.version };
  }
}

interface Data {
  readonly storeId: string;
  readonly records: Map<CollectionName, Map<string, Entry>>;
  readonly streams: Map<string, { first: number; entries: string[] }>;
  readonly listeners: Set<() => void>;
  commits: number;
}

/** A store in memory. What goes in and what comes out are copies, as with a real one. */
export function memoryStore(options: { readonly storeId?: string } = {}): MemoryStore {
  return connection({
    storeId: options.storeId ?? hashText('memory').slice(0, 12),
    records: new Map(Object.keys(COLLECTION_INDEXES).map((name) => [name as CollectionName, new Map()])),
    streams: new Map(),
    listeners: new Set(),
    commits: 0,
  });
}

function connection(data: Data): MemoryStore {
  let isClosed = false;
  const collection = (name: CollectionName) => {
    const found = data.records.get(name);
    if (!found) throw new TypeError(`No collection "${name}".`);
    return found;
  };
  const refused = (signal: AbortSignal): StoreError | undefined => {
    if (isClosed) return storeClosed();
    return signal.aborted ? aborted('The call to the store', signal.reason) : undefined;
  };

  /** What throws in here is a caller's mistake, such as a query that no index covers: an error like any other. */
  const guarded = <T>(work: () => ResultAsync<T, StoreError>): ResultAsync<T, StoreError> => {
    try {
      return work();
    } catch (thrown) {
      return errAsync(bug(thrown));
    }
  };

  const store: MemoryStore = {
    name: 'memory',
    get commits() {
      return data.commits;
    },
    connect: () => connection(data),
    sizes: () =>
      Object.fromEntries(
        [
          ...[...data.records].map(([name, records]) => [name, records.size] as const),
          ...[...data.streams].map(([name, { entries }]) => [name, entries.length] as const),
        ].filter(([, size]) => size > 0),
      ),
    storeId: ({ signal }) => {
      const error = refused(signal);
      return error ? errAsync(error) : okAsync(data.storeId);
    },
    commit(changes, options) {
      const error =
        refused(options.signal) ??
        (changes.length > CHANGES_MAX ? tooManyChanges(changes.length) : undefined) ??
        unmet(data, changes, options, collection);
      if (error) return errAsync(error);
      const sequences: Record<string, number> = {};
      for (const change of changes) apply(data, change, sequences, collection);
      data.commits += 1;
      tell(data.listeners);
      return okAsync({ sequences });
    },
    get(name, id, { signal }) {
      const error = refused(signal);
      if (error) return errAsync(error);
      return okAsync(collection(name).get(id)?.copy());
    },
    list(name, query, { signal }) {
      const error = refused(signal);
      if (error) return errAsync(error);
      const { after, limit = 1000, order } = query;
      const where = (query.where ?? NOTHING) as { readonly [field: string]: unknown };
      const fields = Object.keys(where);
      assertIndexed(name, fields);
      const sign = order === 'desc' ? -1 : 1;
      const found: Entry[] = [];
      for (const entry of collection(name).values()) {
        if (after !== undefined && (sign > 0 ? entry.id <= after : entry.id >= after)) continue;
        if (fields.every((field) => entry.fields[field] === where[field])) found.push(entry);
      }
      if (found.length > 1) found.sort((a, b) => (a.id < b.id ? -sign : sign));
      return okAsync(found.slice(0, Math.min(limit, 1000)).map((entry) => entry.copy()));
    },
    read(stream, query, { signal }) {
      const error = refused(signal);
      if (error) return errAsync(error);
      const held = data.streams.get(stream);
      if (!held) return okAsync([]);
      const skip = Math.max(0, query.after - held.first + 1);
      const entries: StreamEntry[] = held.entries
        .slice(skip, skip + Math.min(query.limit ?? 1000, 1000))
        .map((text, index) => ({ seq: held.first + skip + index, value: JSON.parse(text) as Json }));
      return okAsync(entries);
    },
    subscribe(listener) {
      data.listeners.add(listener);
      return () => data.listeners.delete(listener);
    },
    close() {
      isClosed = true;
      return okAsync(undefined);
    },
  };
  return {
    ...store,
    get commits() {
      return data.commits;
    },
    commit: (changes, options) => guarded(() => store.commit(changes, options)),
    get: (name, id, options) => guarded(() => store.get(name, id, options)),
    list: (name, query, options) => guarded(() => store.list(name, query, options)),
  };
}

/** A listener that throws harms neither the commit, which is done, nor the listeners after it. */
function tell(listeners: ReadonlySet<() => void>): void {
  for (const listener of [...listeners]) {
    try {
      listener();
    } catch {
      // Its own matter.
    }
  }
}

type Collect = (name: CollectionName) => Map<string, Entry>;

function unmet(
  data: Data,
  changes: readonly Change[],
  options: CommitOptions,
  collection: Collect,
): StoreError | undefined {
  for (const fence of options.fence ?? []) {
    const lease = data.records.get('leases')?.get(fence.lease);
    if (lease?.fields['token'] !== fence.token || lease.fields['holder'] === null) {
      return fenceFailed(fence.lease, fence.token);
    }
  }
  for (const expected of options.expect ?? []) {
    if ((collection(expected.collection).get(expected.id)?.version ?? null) !== expected.version)
      return storeConflict(expected.collection, expected.id);
  }
  // Looked at before anything is written, with what earlier changes of this commit will have done.
  const versions = new Map<string, number | null>();
  for (const change of changes) {
    if (change.op === 'append' || change.op === 'trim') continue;
    const id = change.op === 'remove' ? change.id : change.record.id;
    const key = `${change.collection}/${id}`;
    const version = versions.has(key)
      ? (versions.get(key) ?? null)
      : (collection(change.collection).get(id)?.version ?? null);
    if (change.op === 'insert' ? version !== null : change.version !== undefined && change.version !== version) {
      return storeConflict(change.collection, id);
    }
    versions.set(key, change.op === 'remove' ? null : (version ?? 0) + 1);
  }
  return undefined;
}

function apply(data: Data, change: Change, sequences: Record<string, number>, collection: Collect): void {
  if (change.op === 'append' || change.op === 'trim') {
    if (change.op === 'trim' && change.drop) {
      data.streams.delete(change.stream);
      return;
    }
    const held = data.streams.get(change.stream) ?? { first: 1, entries: [] };
    data.streams.set(change.stream, held);
    if (change.op === 'append') {
      sequences[change.stream] ??= held.first + held.entries.length;
      held.entries.push(...change.entries.map((entry) => JSON.stringify(entry)));
    } else {
      const gone = held.entries.splice(0, Math.max(0, change.through - held.first + 1));
      held.first += gone.length;
    }
    return;
  }
  const records = collection(change.collection);
  if (change.op === 'remove') {
    records.delete(change.id);
    return;
  }
  const version = (records.get(change.record.id)?.version ?? 0) + 1;
  records.set(change.record.id, new Entry(change.record, version, COMPARED[change.collection]));
}

const NOTHING = {};

/** Those of an index; of a lease what a fence looks at. */
const COMPARED = Object.fromEntries(
  Object.entries(COLLECTION_INDEXES).map(([name, indexes]) => [
    name,
    [...new Set([...indexes.flat(), ...(name === 'leases' ? ['token', 'holder'] : [])])],
  ]),
) as unknown as Readonly<Record<CollectionName, readonly string[]>>;

/** A query that a real store could answer only by reading everything is a bug of the caller, in tests too. */
function assertIndexed(name: CollectionName, fields: readonly string[]): void {
  if (fields.length === 0) return;
  const indexes: readonly (readonly string[])[] = COLLECTION_INDEXES[name];
  const isCovered = indexes.some(
    (index) => index.length === fields.length && fields.every((field) => index.includes(field)),
  );
  if (!isCovered) throw new TypeError(`No index of "${name}" covers ${fields.join(', ')}.`);
}
