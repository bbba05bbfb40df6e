/** What a piece of work runs under: its caller's signal and a time limit of its own. */
export interface Limit {
  /** Aborted with the caller's signal, or when the time is over. */
  readonly signal: AbortSignal;
  /** Whether it was the time that ended it. */
  readonly isOver: boolean;
}

/**
 * Runs work under a limit, and lets go of timer and parent at its end. (A parent may live as long as the process:
 * `AbortSignal.any` and a request that was given the parent itself would leave something behind on it each time.)
 */
export async function within<T>(parent: AbortSignal, limitMs: number, work: (limit: Limit) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let isOver = false;
  const onAbort = () => controller.abort(parent.reason);
  const timer = setTimeout(() => {
    isOver = true;
    controller.abort(new Error(`over its limit of ${limitMs} ms`));
  }, limitMs);
  if (parent.aborted) onAbort();
  else parent.addEventListener('abort', onAbort, { once: true });
  try {
    return await work({
      signal: controller.signal,
      get isOver() {
        return isOver;
      },
    });
  } finally {
    clearTimeout(timer);
    parent.removeEventListener('abort', onAbort);
  }
}

/** Waits, and not a moment longer once the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
