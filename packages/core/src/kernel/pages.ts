import { ok, type Result, type ResultAsync } from 'neverthrow';
import type { CollectionName, Collections } from '../domain/records.js';
import type { CallOptions } from '../ports/call.js';
import type { Query, Store, Stored, StoreError } from '../ports/store.js';

/** What one page of a walk has at most: a page is held in memory, and a store answers nothing else meanwhile. */
const PAGE = 200;

/** Where a walk goes on behind this page; undefined: there is no more. */
function behind<C extends CollectionName>(
  query: Query<C>,
  page: readonly Stored<Collections[C]>[],
): Query<C> | undefined {
  const last = page.at(-1);
  return last && page.length >= (query.limit ?? PAGE) ? { ...query, after: last.value.id } : undefined;
}

/** A query's records page by page, however many there are: its `limit` (default 200) is of one page. It ends behind the first error. */
export async function* pages<C extends CollectionName>(
  store: Pick<Store, 'list'>,
  collection: C,
  query: Query<C>,
  { signal }: CallOptions,
): AsyncGenerator<Result<readonly Stored<Collections[C]>[], StoreError>, void> {
  for (let next: Query<C> | undefined = { limit: PAGE, ...query }; next; ) {
    const page: Result<readonly Stored<Collections[C]>[], StoreError> = await store.list(collection, next, { signal });
    if (page.isErr() || page.value.length > 0) yield page;
    next = page.isErr() ? undefined : behind(next, page.value);
  }
}

/** All of them at once, page by page like `pages`: for collections that hold no more than what is going on. */
export function allOf<C extends CollectionName>(
  store: Pick<Store, 'list'>,
  collection: C,
  query: Query<C>,
  options: CallOptions,
): ResultAsync<readonly Stored<Collections[C]>[], StoreError> {
  return store.list(collection, { limit: PAGE, ...query }, options).andThen((page) => {
    const next = behind(query, page);
    if (!next) return ok(page);
    return allOf(store, collection, next, options).map((rest) => [...page, ...rest]);
  });
}
