/** `Store` over any database that a dialect opens. The first call opens it. */
import { bug, type Store, type StoreError, storeClosed, untilAborted } from '@quayside/core/ports';
import { err, ok, Result, ResultAsync } from 'neverthrow';
import { prepareCommit } from './commit.js';
import type { Work } from './dialect.js';
import { notBegun } from './errors.js';
import { Followers } from './followers.js';
import type { OpenStore } from './open.js';
import { getWork, listWork, readWork } from './read.js';
import type { Statements } from './statements.js';

/**
 * @param open is called at the first use, and again after it has failed
 * @param secrets what a driver's error may repeat
 */
export function sqlStore(
  name: string,
  open: () => Promise<Result<OpenStore, StoreError>>,
  secrets: readonly string[] = [],
): Store {
  const followers = new Followers();
  const active = new Set<Promise<unknown>>();
  let current: OpenStore | undefined;
  let opening: Promise<Result<OpenStore, StoreError>> | undefined;
  let closing: Promise<Result<void, StoreError>> | undefined;

  const guardedOpen = () => open().catch((thrown: unknown): Result<OpenStore, StoreError> => err(bug(thrown)));
  const opened = (): Promise<Result<OpenStore, StoreError>> => {
    opening ??= guardedOpen().then((answer) => {
      if (answer.isErr()) opening = undefined;
      else {
        current = answer.value;
        if (!closing) followers.start((onCommit) => answer.value.database.watch(onCommit));
      }
      return answer;
    });
    return opening;
  };

  /** Every call: refused when closed or aborted, opened at need, counted, and what throws in it is a bug told as an error. */
  const call = <T>(
    signal: AbortSignal,
    work: (store: OpenStore) => Promise<Result<T, StoreError>>,
  ): ResultAsync<T, StoreError> => {
    const run = async (): Promise<Result<T, StoreError>> => {
      if (closing) return err(storeClosed());
      if (signal.aborted) return err(notBegun(signal));
      if (current) return work(current);
      const store = await untilAborted(opened(), signal, () => err(notBegun(signal)));
      if (store.isErr()) return err(store.error);
      return signal.aborted ? err(notBegun(signal)) : work(store.value);
    };
    const answer = run().catch((thrown: unknown) => err(bug(thrown)));
    active.add(answer);
    void answer.then(() => active.delete(answer));
    return new ResultAsync(answer);
  };
  const read = <T>(signal: AbortSignal, work: (statements: Statements) => () => Work<T>) =>
    call(signal, async ({ database, statements }) => database.read(work(statements), signal));

  return {
    name,
    ...(secrets.length === 0 ? {} : { secrets: () => secrets }),
    storeId: ({ signal }) => call(signal, async ({ storeId }) => ok(storeId)),
    commit(changes, options) {
      const prepared = Result.fromThrowable(prepareCommit, bug)(changes, options).andThen((work) => work);
      return call(options.signal, async (target) => {
        if (prepared.isErr()) return err(prepared.error);
        return target.database.write(() => prepared.value(target), options.signal);
      });
    },
    get: (collection, id, { signal }) => read(signal, (statements) => getWork(statements, collection, id)),
    list: (collection, query, { signal }) => read(signal, (statements) => listWork(statements, collection, query)),
    read: (stream, query, { signal }) => read(signal, (statements) => readWork(statements, stream, query)),
    subscribe: (listener) => (closing ? () => {} : followers.add(listener)),
    close() {
      closing ??= (async () => {
        followers.close();
        // What was called before is answered as it would have been; each of those waits is bounded.
        await Promise.all(active);
        const store = await opening;
        return store?.isOk() ? store.value.database.close() : ok(undefined);
      })().catch((thrown: unknown) => err(bug(thrown)));
      return new ResultAsync(closing);
    },
  };
}
