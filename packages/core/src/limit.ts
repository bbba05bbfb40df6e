/** Time limits and pauses on the system's clock, for adapters whose port hands them a signal and no clock. */
import { type Scope, scope, sleep } from './kernel/scope.js';
import { systemClock } from './system.js';

/** What a piece of work runs under: its caller's signal and a time limit of its own; `timedOut` says that it was the time that ended it. */
export type TimeLimit = Pick<Scope, 'signal' | 'timedOut'>;

/** Runs work under a limit, and lets go of timer and parent at its end. */
export async function within<T>(
  parent: AbortSignal,
  limitMs: number,
  work: (limit: TimeLimit) => Promise<T>,
): Promise<T> {
  const own = scope(systemClock(), [parent], limitMs);
  try {
    return await work(own);
  } finally {
    own.end();
  }
}

/** Waits, and not a moment longer once the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(systemClock(), ms, signal);
}
