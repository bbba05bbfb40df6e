import { ok, type Result, type ResultAsync } from 'neverthrow';
import type { CollectionName, Collections } from '../domain/records.js';
import type { CallOptions } from '../ports/call.js';
import type { Query, Store, Stored, StoreError } from '../ports/store.js';

/** What one page of a walk has at most: a page is held in memory, and a store answers nothing else meanwhile. */
const PAGE = 200;

/** A query's records page by page, however many there are. It ends behind the first error. */
export async function* pages<C extends CollectionName>(
  store: Pick<Store, 'list'>,
  collection: C,
  query: Query<C>,
  { signal }: CallOptions,
): AsyncGenerator<Result<readonly Stored<Collections[C]>[], StoreError>, void> {
  const limit = query.limit ?? PAGE;
  for (let { after } = query; ; ) {
    const page = await store.list(
      collection,
      { ...query, limit, ...(after === undefined ? {} : { after }) },
      { signal },
    );
    if (page.isErr() || page.value.length > 0) yield page;
    if (page.isErr() || page.value.length < limit) return;
    after = page.value.at(-1)?.value.id;
  }
}

/** All of them at once: for collections that hold no more than what is going on. */
export function allOf<C extends CollectionName>(
  store: Pick<Store, 'list'>,
  collection: C,
  query: Query<C>,
  options: CallOptions,
): ResultAsync<readonly Stored<Collections[C]>[], StoreError> {
  const { limit = PAGE } = query;
  return store.list(collection, { ...query, limit }, options).andThen((page) => {
    const last = page.at(-1);
    if (!last || page.length < limit) return ok(page);
    return allOf(store, collection, { ...query, after: last.value.id }, options).map((rest) => [...page, ...rest]);
  });
}
