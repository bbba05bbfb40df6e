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
