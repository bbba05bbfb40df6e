/** Starts the work for each in turn, at most `width` at once, and answers what becomes of each: `work` keeps its errors to itself. */
export function eachInTurn<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): readonly Promise<R>[] {
  let free = width;
  const waiting: (() => void)[] = [];
  return items.map(async (item) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work(item);
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  });
}

/** Does the work for each, at most `width` at once. Whatever becomes of one, the others go on. */
export async function forEachOf<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  await Promise.all(eachInTurn(items, width, work));
}
