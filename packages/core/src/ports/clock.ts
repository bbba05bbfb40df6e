/** Time. The core takes it from here alone, so that a test owns it. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch: for people and ages. It may jump. */
  now(): number;
  /** Milliseconds from an arbitrary beginning; never goes back. What leases, limits and intervals count on. */
  monotonicMs(): number;
  /**
   * Calls back once, `ms` from now or later. The answer takes that back; calling it twice, or too late, does nothing.
   * A timer must not keep a process alive that has nothing else to do: renewals, retries, looks for news.
   * @param isAwaited somebody waits for it: until then the process must not end, or a deployment would end with it in a pause.
   *   Default false
   */
  after(ms: number, callback: () => void, isAwaited?: boolean): () => void;
}

/** Identifiers and randomness. */
export interface Ids {
  /**
   * A new id: 18 characters of `[0-9a-z]`, unique, and greater (as text) than those that this object gave before.
   * @param nowMs wall clock, which the first ten characters count
   */
  next(nowMs: number): string;
  /** A number from 0 up to, not including, 1: for jitter, never for secrets. */
  random(): number;
}
