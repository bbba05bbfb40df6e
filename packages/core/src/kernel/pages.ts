import { ok, type Result, type ResultAsync } from 'neverthrow';
import type { BugError } from '../domain/errors.js';
import type { CollectionName, Collections } from '../domain/records.js';
import type { CallOptions } from '../ports/call.js';
import type { Query, Store, Stored, StoreError } from '../ports/store.js';
import { routine } from './routine.js';

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
export const allOf = <C extends CollectionName>(
  store: Pick<Store, 'list'>,
  collection: C,
  query: Query<C>,
  options: CallOptions,
): ResultAsync<readonly Stored<Collections[C]>[], StoreError | BugError> =>
  routine(async function* () {
    const found: Stored<Collections[C]>[] = [];
    for await (const page of pages(store, collection, query, options)) found.push(...(yield* page));
    return ok(found);
  });
