/**
 * The same request again, where that is worth it, within a bound on the whole. Between two attempts lie 250 ms, then twice as
 * long each time, up to a fifth more or less (so that many hosts do not come back at once), or what the receiver asks for.
 */
import { pause } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';

export interface Plan {
  /** The first one counted. */
  readonly attempts: number;
  /** Of each attempt. */
  readonly timeoutMs: number;
  /** Of all together, the pauses included. */
  readonly totalMs: number;
  readonly signal: AbortSignal;
}

/** A failed attempt: its error, whether another one is worth it, and how long the receiver asks to wait. */
export interface Failed<E> {
  readonly error: E;
  readonly again: boolean;
  readonly retryAfterMs?: number | undefined;
}

const FIRST_PAUSE_MS = 250;

const pauseMs = (attempt: number): number => FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.8 + 0.4 * Math.random());

/**
 * @param attempt gets the time that it may take, in milliseconds
 * @param onAbort the error for a signal that is aborted between two attempts
 * @returns the first success, or the last failure: at once where the pause that is due would end beyond the bound
 */
export async function attempts<T, E>(
  plan: Plan,
  attempt: (limitMs: number) => Promise<Result<T, Failed<E>>>,
  onAbort: () => E,
): Promise<Result<T, E>> {
  const endMs = performance.now() + plan.totalMs;
  for (let count = 1; ; count += 1) {
    if (plan.signal.aborted) return err(onAbort());
    const limitMs = Math.max(1, Math.min(plan.timeoutMs, endMs - performance.now()));
    const result = await attempt(Math.ceil(limitMs));
    if (result.isOk()) return ok(result.value);
    const { error, again, retryAfterMs = 0 } = result.error;
    const dueMs = Math.max(pauseMs(count), retryAfterMs);
    if (!again || count >= plan.attempts || performance.now() + dueMs >= endMs) return err(error);
    await pause(dueMs, plan.signal);
  }
}
