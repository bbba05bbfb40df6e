import type { Clock } from '../../ports/clock.js';

/** A clock that stands still until it is told to go on: a test's whole day passes in a millisecond. */
export interface VirtualClock extends Clock {
  /** Moves time on, calling what falls due in order; between two calls everything that was waiting gets its turn. */
  advance(ms: number): Promise<void>;
  /**
   * Runs until the promise is settled, jumping from one timer to the next. Rejects where nothing is left that could settle it, and
   * after `limitMs` of virtual time (default one day).
   */
  until<T>(promise: PromiseLike<T>, limitMs?: number): Promise<T>;
  /** Timers that have not fired: a test of leaks looks here. */
  readonly pending: number;
  /** Moves the wall clock alone, as an operator or NTP does. */
  jump(ms: number): void;
}

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * @param startMs wall clock at the beginning; default 2026-01-01T00:00:00Z
 * @param idle resolves when no promise callback is left to run; default a turn of the event loop, which needs no timer
 */
export function virtualClock(startMs = 1_767_225_600_000, idle: () => Promise<void> = defaultIdle): VirtualClock {
  let elapsedMs = 0;
  let skewMs = 0;
  let order = 0;
  const timers = new Set<Timer>();

  const next = (): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (!first || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order))
        first = timer;
    }
    return first;
  };
  const fire = (timer: Timer) => {
    timers.delete(timer);
    elapsedMs = Math.max(elapsedMs, timer.dueMs);
    timer.callback();
  };

  return {
    now: () => startMs + elapsedMs + skewMs,
    monotonicMs: () => elapsedMs,
    after(ms, callback) {
      order += 1;
      const timer = { dueMs: elapsedMs + Math.max(0, ms), order, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async advance(ms) {
      const endMs = elapsedMs + ms;
      await idle();
      for (let timer = next(); timer && timer.dueMs <= endMs; timer = next()) {
        fire(timer);
        await idle();
      }
      elapsedMs = endMs;
      await idle();
    },
    async until(promise, limitMs = 86_400_000) {
      const endMs = elapsedMs + limitMs;
      const state = { settled: false };
      const settle = () => {
        state.settled = true;
      };
      promise.then(settle, settle);
      await idle();
      while (!state.settled) {
        const timer = next();
        if (!timer) throw new Error('Nothing is left that could settle this: no timer is pending.');
        if (timer.dueMs > endMs) throw new Error(`Not settled within ${limitMs} ms of virtual time.`);
        fire(timer);
        await idle();
      }
      return promise;
    },
    get pending() {
      return timers.size;
    },
    jump(ms) {
      skewMs += ms;
    },
  };
}

/** A message to oneself arrives when every promise callback has run, in any JavaScript host. */
function defaultIdle(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    // Hosts differ in what else a port has; this much they share.
    const receiver: { onmessage: unknown; close(): void } = port1 as never;
    receiver.onmessage = () => {
      receiver.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
