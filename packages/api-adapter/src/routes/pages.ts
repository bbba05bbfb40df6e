import type { Page } from '@quayside/core';

const LIMIT = 50;

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
