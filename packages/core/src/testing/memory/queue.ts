/** What is pushed comes out, in order, until the signal is aborted; the subscription begins at once, not at the first read. */
export function events<T>(signal: AbortSignal, subscribe: (push: (value: T) => void) => () => void): AsyncIterable<T> {
  const waiting: T[] = [];
  let wake: (() => void) | undefined;
  const unsubscribe = subscribe((value) => {
    waiting.push(value);
    wake?.();
  });
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
