/** Waiting, on the deployer's clock. */
import type { Clock } from '@quayside/core/ports';

/** Resolves after `ms`, when the signal is aborted, or when it is woken, whichever comes first. Leaves nothing behind. */
export function pause(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  onWake?: (wake: () => void) => () => void,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      cancel();
      signal.removeEventListener('abort', end);
      unsubscribe?.();
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener('abort', end, { once: true });
    const unsubscribe = onWake?.(end);
  });
}

/** One at a time, in the order of the calls. */
export function turns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}
