import type { AnyError, Page } from '@quayside/core';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';

/** Every item of a list, page by page, or the first so many. */
export async function everyPage<T>(
  list: (cursor: { readonly cursor?: string }) => ResultAsync<Page<T>, AnyError>,
  limit = Number.POSITIVE_INFINITY,
): Promise<Result<readonly T[], AnyError>> {
  const all: T[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await list(cursor === undefined ? {} : { cursor });
    if (page.isErr()) return err(page.error);
    all.push(...page.value.items);
    if (page.value.next === null || all.length >= limit) return ok(all.slice(0, limit));
    cursor = page.value.next;
  }
}
