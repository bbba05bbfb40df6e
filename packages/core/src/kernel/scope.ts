/**
 * A scope: a signal that is aborted when one of its parents is, or when its time is over. It must be ended: it then
 * lets go of its parents and its timer. (`AbortSignal.any` has no such moment, and a parent that lives as long as the process would
 * collect every child it ever had.)
 */
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { type AbortedError, aborted, type BugError, bug, type TimeoutError, timedOut } from '../domain/errors.js';
import type { CallOptions } from '../ports/call.js';
import type { Clock } from '../ports/clock.js';
import { onAbort } from './on-abort.js';

export interface Scope {
  readonly signal: AbortSignal;
  /** Whether it was its own time limit that ended it. */
  readonly timedOut: boolean;
  /** 0 where it has none. */
  readonly limitMs: number;
  abort(reason?: unknown): void;
  /** Another time limit, counted from its beginning like the first. */
  limit(limitMs: number): void;
  /** Lets go of its parents and its timer. */
  end(): void;
}

/** @param onAborted told once, when it is aborted, by whomever */
export function scope(clock: Clock, parents: readonly AbortSignal[], limitMs?: number, onAborted?: () => void): Scope {
  return new OwnScope(clock, parents, limitMs, onAborted);
}

/** A class, since every call of a port has one: its methods are made once and for all. */
class OwnScope implements Scope {
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  readonly #lettingGo: readonly (() => void)[];
  readonly #startMs: number;
  readonly #onAborted: (() => void) | undefined;
  #cancelTimer: (() => void) | undefined;
  timedOut = false;
  limitMs = 0;

  constructor(clock: Clock, parents: readonly AbortSignal[], limitMs?: number, onAborted?: () => void) {
    this.#clock = clock;
    this.#onAborted = onAborted;
    this.#lettingGo = parents.map((parent) => onAbort(parent, () => this.abort(parent.reason)));
    this.#startMs = clock.monotonicMs();
    if (limitMs !== undefined) this.limit(limitMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason?: unknown): void {
    if (this.signal.aborted) return;
    this.#controller.abort(reason);
    this.#onAborted?.();
  }

  limit(limitMs: number): void {
    this.limitMs = limitMs;
    this.#cancelTimer?.();
    if (this.signal.aborted) return;
    const leftMs = Math.max(0, this.#startMs + limitMs - this.#clock.monotonicMs());
    this.#cancelTimer = this.#clock.after(leftMs, () => this.#timeOut(), true);
  }

  end(): void {
    this.#cancelTimer?.();
    for (const letGo of this.#lettingGo) letGo();
  }

  #timeOut(): void {
    this.timedOut = true;
    this.abort(new Error(`over its limit of ${this.limitMs} ms`));
  }
}

/** Waits until the work has ended, whatever becomes of it: not for longer than `ms`, and not once the signal is aborted. Answers whether it has. */
export async function endedWithin(
  clock: Clock,
  work: PromiseLike<unknown>,
  ms: number,
  signal: AbortSignal,
): Promise<boolean> {
  const done = scope(clock, [signal]);
  let hasEnded = false;
  const end = () => {
    hasEnded = true;
    done.abort();
  };
  void work.then(end, end);
  await sleep(clock, ms, done.signal);
  done.end();
  return hasEnded;
}

const PATIENCE_MS = 1_000;
/** With work that is made of bounded calls: each of them has been left to itself by then, and the work has ended. */
export const PATIENCE_WITH_WORK_MS = 3 * PATIENCE_MS;

/** A time limit, and what of the configuration it follows from: whoever meets it is told. */
export interface Limit {
  readonly ms: number;
  readonly setting?: string | undefined;
  /** How long a call that ignores its aborted signal is waited for before it is left to itself; default a second. */
  readonly patienceMs?: number;
}

/**
 * One call under a time limit. Whatever the callee does (throw, hang, ignore its signal), this answers soon after the limit
 * or the abort; what the call does after that is thrown away.
 */
export function bounded<T, E extends { readonly kind: string }>(
  clock: Clock,
  parents: readonly AbortSignal[],
  limit: Limit & { readonly what: string },
  call: (options: CallOptions) => PromiseLike<Result<T, E>>,
): ResultAsync<T, E | AbortedError | TimeoutError | BugError> {
  return new ResultAsync(
    new Promise((resolve) => {
      let cancelPatience: (() => void) | undefined;
      const own = scope(clock, parents, limit.ms, () => {
        // For callees that do not listen.
        cancelPatience = clock.after(limit.patienceMs ?? PATIENCE_MS, () => end(brokenOff()), true);
      });
      const { signal } = own;
      const brokenOff = () => err(own.timedOut ? overTime(limit) : aborted(limit.what, signal.reason));
      const end = (result: Result<T, E | AbortedError | TimeoutError | BugError>) => {
        cancelPatience?.();
        own.end();
        resolve(result);
      };
      const failed = (thrown: unknown) => end(err(bug(thrown)));
      const answered = (result: Result<T, E>) => {
        try {
          const isLate = result.isErr() && result.error.kind === 'aborted' && own.timedOut;
          end(isLate ? err(overTime(limit, result.error as unknown as AbortedError)) : result);
        } catch (thrown) {
          failed(thrown);
        }
      };
      if (signal.aborted) return end(err(aborted(limit.what, signal.reason)));
      try {
        call({ signal }).then(answered, failed);
      } catch (thrown) {
        failed(thrown);
      }
    }),
  );
}

/** @param at what it was at when its time was over, where that says more than that the call itself was broken off */
function overTime({ what, ms, setting }: Limit & { readonly what: string }, at = aborted(what)): TimeoutError {
  return timedOut(what, ms, setting, at.message === aborted(what).message ? undefined : new Error(at.message));
}

/**
 * Waits. Answers `aborted` at once when the signal is aborted.
 * @param isAwaited whether the process is kept alive for it; default true
 */
export function sleep(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  isAwaited = true,
): ResultAsync<void, AbortedError> {
  return new ResultAsync(
    new Promise((resolve) => {
      if (signal.aborted) return resolve(err(aborted('Waiting', signal.reason)));
      const finish = (result: Result<void, AbortedError>) => {
        cancel();
        letGo();
        resolve(result);
      };
      const cancel = clock.after(ms, () => finish(ok(undefined)), isAwaited);
      const letGo = onAbort(signal, () => finish(err(aborted('Waiting', signal.reason))));
    }),
  );
}

/** The pause before the next look at what has been waited for so long already, in milliseconds: the longer it has been the less it hurries. */
export const tenthOf = (waitedMs: number, minMs: number, maxMs: number): number =>
  Math.min(maxMs, Math.max(minMs, waitedMs / 10));
