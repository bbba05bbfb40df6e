/**
 * What is pushed comes out, in order, until the signal is aborted, or throws once it has failed; the subscription begins at once, not at
 * the first read.
 */
export function events<T>(
  signal: AbortSignal,
  subscribe: (push: (value: T) => void, fail: (thrown: unknown) => void) => () => void,
): AsyncIterable<T> {
  const waiting: T[] = [];
  let failed: { readonly thrown: unknown } | undefined;
  let wake: (() => void) | undefined;
  const unsubscribe = subscribe(
    (value) => {
      waiting.push(value);
      wake?.();
    },
    (thrown) => {
      failed ??= { thrown };
      wake?.();
    },
  );
  const onAbort = () => {
    unsubscribe();
    wake?.();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    async *[Symbol.asyncIterator]() {
      try {
        while (!signal.aborted) {
          const value = waiting.shift();
          if (value !== undefined) yield value;
          else if (failed) throw failed.thrown;
          else
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
        }
      } finally {
        unsubscribe();
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}
