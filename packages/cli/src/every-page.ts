import type { AnyError, Page } from '@quayside/core';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';

/** A page has at most so many, however many are wanted. */
const PAGE_MAX = 200;

/** Every item of a list, page by page, or the first so many. */
export async function everyPage<T>(
  list: (page: { readonly cursor?: string; readonly limit: number }) => ResultAsync<Page<T>, AnyError>,
  count = Number.POSITIVE_INFINITY,
): Promise<Result<readonly T[], AnyError>> {
  const all: T[] = [];
  const limit = Math.min(count, PAGE_MAX);
  for (let cursor: string | undefined; ; ) {
    const page = await list(cursor === undefined ? { limit } : { cursor, limit });
    if (page.isErr()) return err(page.error);
    all.push(...page.value.items);
    if (page.value.next === null || all.length >= count) return ok(all.slice(0, count));
    cursor = page.value.next;
  }
}
