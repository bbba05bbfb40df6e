import type { Clock } from '../../ports/clock.js';

/** A clock that stands still until it is told to go on: a test's whole day passes in a millisecond. */
export interface VirtualClock extends Clock {
  /** Moves time on, calling what falls due in order; between two calls everything that was waiting gets its turn. */
  advance(ms: number): Promise<void>;
  /**
   * Runs until the promise is settled, jumping from one timer to the next. Rejects where nothing is left that could settle it, where
   * nobody waits for any of the timers that are left (a process would end there, with this unsettled), and after `limitMs` of virtual time
   * (default one day).
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
  /** Undefined once it was called or taken back: it stays in the heap until its turn, and holds nothing of its owner's there. */
  callback: (() => void) | undefined;
  readonly isAwaited: boolean;
}

const isBefore = (one: Timer, other: Timer): boolean =>
  one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);

/** A binary heap: a simulation sets thousands of timers, and of most it is only ever asked which is next. */
class Timers {
  readonly #heap: Timer[] = [];

  add(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Timer;
      if (!isBefore(timer, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = timer;
  }

  /** The next one that was not taken back. */
  get first(): Timer | undefined {
    while (this.#heap[0] && !this.#heap[0].callback) this.removeFirst();
    return this.#heap[0];
  }

  removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      const left = heap[below];
      if (!left) break;
      const right = heap[below + 1];
      if (right && isBefore(right, left)) below += 1;
      const child = heap[below] as Timer;
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

/**
 * @param startMs wall clock at the beginning; default 2026-01-01T00:00:00Z
 * @param idle resolves when no promise callback is left to run; default a turn of the event loop, which needs no timer
 */
export function virtualClock(startMs = 1_767_225_600_000, idle: () => Promise<void> = defaultIdle): VirtualClock {
  let elapsedMs = 0;
  let skewMs = 0;
  let order = 0;
  let pending = 0;
  let awaited = 0;
  const timers = new Timers();

  const leave = (timer: Timer) => {
    timer.callback = undefined;
    pending -= 1;
    if (timer.isAwaited) awaited -= 1;
  };

  const fire = (timer: Timer) => {
    const { callback } = timer;
    timers.removeFirst();
    leave(timer);
    elapsedMs = Math.max(elapsedMs, timer.dueMs);
    callback?.();
  };

  return {
    now: () => startMs + elapsedMs + skewMs,
    monotonicMs: () => elapsedMs,
    after(ms, callback, isAwaited = false) {
      order += 1;
      pending += 1;
      if (isAwaited) awaited += 1;
      const timer: Timer = { dueMs: elapsedMs + Math.max(0, ms), order, callback, isAwaited };
      timers.add(timer);
      return () => {
        if (timer.callback) leave(timer);
      };
    },
    async advance(ms) {
      const endMs = elapsedMs + ms;
      await idle();
      for (let timer = timers.first; timer && timer.dueMs <= endMs; timer = timers.first) {
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
        const timer = timers.first;
        if (!timer) throw new Error('Nothing is left that could settle this: no timer is pending.');
        if (awaited === 0)
          throw new Error('Nothing that keeps a process alive is pending: it would end before this is settled.');
        if (timer.dueMs > endMs) throw new Error(`Not settled within ${limitMs} ms of virtual time.`);
        fire(timer);
        await idle();
      }
      return promise;
    },
    get pending() {
      return pending;
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
