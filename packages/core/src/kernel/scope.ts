/**
 * A scope: a signal that is aborted when one of its parents is, or when its time is over. It must be ended: it then
 * lets go of its parents and its timer. (`AbortSignal.any` has no such moment, and a parent that lives as long as the process would
 * collect every child it ever had.)
 */
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { type AbortedError, aborted, type BugError, bug, type TimeoutError, timedOut } from '../domain/errors.js';
import type { CallOptions } from '../ports/call.js';
import type { Clock } from '../ports/clock.js';

export interface Scope {
  readonly signal: AbortSignal;
  /** Whether it was its own time limit that ended it. */
  readonly timedOut: boolean;
  abort(reason?: unknown): void;
  /** Lets go of its parents and its timer. */
  end(): void;
}

export function scope(clock: Clock, parents: readonly AbortSignal[], limitMs?: number): Scope {
  const controller = new AbortController();
  let isTimedOut = false;
  const onAbort = (event: Event) => controller.abort((event.target as AbortSignal).reason);
  for (const parent of parents) {
    if (parent.aborted) controller.abort(parent.reason);
    else parent.addEventListener('abort', onAbort, { once: true });
  }
  const cancelTimer =
    limitMs === undefined || controller.signal.aborted
      ? undefined
      : clock.after(
          limitMs,
          () => {
            isTimedOut = true;
            controller.abort(new Error(`over its limit of ${limitMs} ms`));
          },
          true,
        );
  return {
    signal: controller.signal,
    get timedOut() {
      return isTimedOut;
    },
    abort: (reason) => controller.abort(reason),
    end() {
      cancelTimer?.();
      for (const parent of parents) parent.removeEventListener('abort', onAbort);
    },
  };
}

/** How long a call that ignores its aborted signal is still waited for, in milliseconds, before it is left to itself. */
const IGNORES_ABORT_MS = 1_000;

/**
 * One call under a time limit. Whatever the callee does (throw, hang, ignore its signal), this answers soon after the limit
 * or the abort; what the call does after that is thrown away.
 */
export function bounded<T, E extends { readonly kind: string }>(
  clock: Clock,
  parents: readonly AbortSignal[],
  limit: { readonly what: string; readonly ms: number },
  call: (options: CallOptions) => PromiseLike<Result<T, E>>,
): ResultAsync<T, E | AbortedError | TimeoutError | BugError> {
  return new ResultAsync(runBounded(clock, parents, limit, call));
}

async function runBounded<T, E extends { readonly kind: string }>(
  clock: Clock,
  parents: readonly AbortSignal[],
  limit: { readonly what: string; readonly ms: number },
  call: (options: CallOptions) => PromiseLike<Result<T, E>>,
): Promise<Result<T, E | AbortedError | TimeoutError | BugError>> {
  const own = scope(clock, parents, limit.ms);
  const givenUp = afterAbort(clock, own.signal);
  try {
    if (own.signal.aborted) return err(aborted(limit.what, own.signal.reason));
    const result = await Promise.race([call({ signal: own.signal }), givenUp.promise]);
    if (result === undefined)
      return err(own.timedOut ? timedOut(limit.what, limit.ms) : aborted(limit.what, own.signal.reason));
    if (result.isErr() && result.error.kind === 'aborted' && own.timedOut) return err(timedOut(limit.what, limit.ms));
    return result;
  } catch (thrown) {
    return err(bug(thrown));
  } finally {
    givenUp.dispose();
    own.end();
  }
}

/** Resolves a while after the signal was aborted: for callees that do not listen to it. */
function afterAbort(clock: Clock, signal: AbortSignal): { promise: Promise<undefined>; dispose(): void } {
  let cancel: (() => void) | undefined;
  let onAbort: (() => void) | undefined;
  const promise = new Promise<undefined>((resolve) => {
    onAbort = () => {
      cancel = clock.after(IGNORES_ABORT_MS, () => resolve(undefined), true);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  return {
    promise,
    dispose() {
      cancel?.();
      if (onAbort) signal.removeEventListener('abort', onAbort);
    },
  };
}

/** Waits. Answers `aborted` at once when the signal is aborted. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): ResultAsync<void, AbortedError> {
  return new ResultAsync(
    new Promise((resolve) => {
      if (signal.aborted) return resolve(err(aborted('Waiting', signal.reason)));
      const finish = (result: Result<void, AbortedError>) => {
        cancel();
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      };
      const onAbort = () => finish(err(aborted('Waiting', signal.reason)));
      const cancel = clock.after(ms, () => finish(ok(undefined)), true);
      signal.addEventListener('abort', onAbort, { once: true });
    }),
  );
}
