import type { ResultAsync } from 'neverthrow';
import { type AbortedError, type BugError, failure, type TimeoutError } from '../domain/errors.js';
import type { Clock } from '../ports/clock.js';
import type { Store, StoreError } from '../ports/store.js';
import { storeClosed } from '../ports/store-errors.js';
import { bounded } from './scope.js';

/**
 * The store with a bound on every call, and a guard: what hangs becomes `store-unavailable`, what throws a `bug`.
 * @param ended aborted when its deployer has closed: who still asks for something is told so at once
 */
export function boundedStore(store: Store, clock: Clock, limitMs: number, ended?: AbortSignal): Store {
  const limit = { what: `A call to the store ${store.name}`, ms: limitMs, setting: 'effectTimeoutMs' };
  const call = <T>(
    signal: AbortSignal,
    work: Parameters<typeof bounded<T, StoreError>>[3],
  ): ResultAsync<T, StoreError> =>
    bounded(clock, ended ? [signal, ended] : [signal], limit, work).mapErr((error) =>
      ended?.aborted && error.kind === 'aborted' ? { ...storeClosed(), outcome: 'unknown' } : unavailable(error),
    );
  return {
    name: store.name,
    // Opening may bring a schema up to date, which takes as long as it takes.
    storeId: (options) => store.storeId(options),
    commit: (changes, options) => call(options.signal, ({ signal }) => store.commit(changes, { ...options, signal })),
    get: (collection, id, options) => call(options.signal, (bound) => store.get(collection, id, bound)),
    list: (collection, query, options) => call(options.signal, (bound) => store.list(collection, query, bound)),
    read: (stream, query, options) => call(options.signal, (bound) => store.read(stream, query, bound)),
    ...(store.subscribe ? { subscribe: (listener: () => void) => store.subscribe?.(listener) ?? (() => {}) } : {}),
    close: () => store.close(),
  };
}

const unavailable = (error: StoreError | AbortedError | TimeoutError | BugError): StoreError =>
  error.kind === 'timeout'
    ? failure('store-unavailable', error.message, 'Look at the disk, and at who holds the database.', {
        retryable: true,
        cause: error,
      })
    : error;
