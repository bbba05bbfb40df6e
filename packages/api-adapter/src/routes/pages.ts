import type { Page } from '@quayside/core';
import type { AnyError } from '@quayside/core/ports';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { Failure } from '../problem.js';
import type { Answer } from './route.js';

const LIMIT = 50;

/** Those that the caller may see. */
export async function seenOf<T>(items: readonly T[], isSeen: (item: T) => Promise<boolean>): Promise<readonly T[]> {
  const seen = await Promise.all(items.map(isSeen));
  return items.filter((_, index) => seen[index]);
}

/** The answer with a page of the deployer's, of what the caller may see. */
export async function listed<T>(
  asked: ResultAsync<Page<T>, AnyError>,
  isSeen: (item: T) => Promise<boolean>,
): Promise<Result<Answer, Failure>> {
  const page = await asked;
  if (page.isErr()) return err(page.error);
  const { items, next } = page.value;
  return ok({ status: 200, body: { items: await seenOf(items, isSeen), next } });
}

/**
 * The answer with a whole page of what the caller may see, where the place behind an item is a name: the cursor is that of an item that the page has, and of
 * nothing that was passed over. For lists of which all can be read.
 */
export async function seenPage<T>(
  list: (from: { readonly limit: number; readonly cursor?: string }) => ResultAsync<Page<T>, AnyError>,
  { limit = LIMIT, cursor }: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
  isSeen: (item: T) => Promise<boolean>,
  key: (item: T) => string,
): Promise<Result<Answer, Failure>> {
  const seen: T[] = [];
  let from: string | null | undefined = cursor;
  while (from !== null && seen.length <= limit) {
    const page: Result<Page<T>, AnyError> = await list({
      limit: READ_MAX,
      ...(from === undefined ? {} : { cursor: from }),
    });
    if (page.isErr()) return err(page.error);
    seen.push(...(await seenOf(page.value.items, isSeen)));
    from = page.value.next;
  }
  const items = seen.slice(0, limit);
  const last = items.at(-1);
  return ok({ status: 200, body: { items, next: seen.length > limit && last !== undefined ? key(last) : null } });
}

const READ_MAX = 1_000;

/** A page of what is in memory as a whole. The cursor is the key of the page's last item. */
export function sliced<T>(
  all: readonly T[],
  { limit = LIMIT, cursor }: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
  key: (item: T) => string,
): Page<T> {
  const from = cursor === undefined ? 0 : all.findIndex((item) => key(item) === cursor) + 1;
  const items = all.slice(from, from + limit);
  const last = items.at(-1);
  return { items, next: last !== undefined && from + limit < all.length ? key(last) : null };
}

/** A page of a stream's entries. */
export async function taken<T extends { readonly seq: number }>(
  from: AsyncIterable<T>,
  limit: number = LIMIT,
): Promise<Page<T>> {
  const items: T[] = [];
  for await (const entry of from) {
    if (items.length === limit) return { items, next: String(items.at(-1)?.seq ?? 0) };
    items.push(entry);
  }
  return { items, next: null };
}

/** Without what was not given: the deployer's requests and queries have no field that is `undefined`. */
export const given = <T extends object>(fields: T): Given<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;

type Given<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
