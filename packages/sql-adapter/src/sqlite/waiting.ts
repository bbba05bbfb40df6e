import type { Clock, StoreError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { notBegun } from '../errors.js';
import { describeFault, isBusy, lockedOut, type Phase } from './faults.js';

export interface Patience {
  readonly path: string;
  readonly clock: Clock;
  readonly busyTimeoutMs: number;
}

/** Runs what may find the database locked, again and again until it does not, within the limit and until the signal is aborted. */
export async function untilUnlocked<T>(
  { path, clock, busyTimeoutMs }: Patience,
  phase: Phase,
  signal: AbortSignal,
  attempt: () => T | Promise<T>,
): Promise<Result<T, StoreError>> {
  const startMs = clock.monotonicMs();
  for (;;) {
    if (signal.aborted) return err(notBegun(signal));
    try {
      return ok(await attempt());
    } catch (thrown) {
      if (!isBusy(thrown)) return err(describeFault(thrown, path, phase));
      const waitedMs = clock.monotonicMs() - startMs;
      if (waitedMs >= busyTimeoutMs) return err(lockedOut(path, waitedMs));
      await lockPause(clock);
    }
  }
}

/**
 * Who waits for a lock looks again after 1 to 5 ms: a commit takes less than one, and chance keeps the waiters apart. The process is
 * kept alive for it: somebody is owed an answer.
 */
export async function lockPause(clock: Clock): Promise<void> {
  const keepAlive = setInterval(() => {}, 60_000);
  try {
    await new Promise<void>((resolve) => {
      clock.after(1 + Math.random() * 4, resolve);
    });
  } finally {
    clearInterval(keepAlive);
  }
}
