/**
 * Renewals of the leases that one host holds: as many as are due at about the same time go in one commit. Who has hundreds of stages in
 * hand would else write one row after the other all the time.
 */
import { err, type Result } from 'neverthrow';
import type { BugError } from '../domain/errors.js';
import type { Clock } from '../ports/clock.js';
import type { Change, Fence, Store, StoreError } from '../ports/store.js';
import { guard } from './routine.js';
import { scope } from './scope.js';

export interface Renewal {
  readonly change: Change;
  readonly fence: Fence;
  /** When it is of no use any more, by the monotonic clock. */
  readonly untilMs: number;
}

export type Renewed = Result<unknown, StoreError | BugError>;

/** Commits it, and answers what became of it. */
export type Renew = (renewal: Renewal) => Promise<Renewed>;

interface Asked {
  readonly renewal: Renewal;
  readonly tell: (answer: Renewed) => void;
}

/** Of one commit; half of what a store takes. */
const TOGETHER_MAX = 50;

export class Renewals {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #earlyMs: number;
  readonly #waiting = new Map<(renew: Renew) => void, number>();

  /** @param earlyMs how long before it is due one may be taken along by another */
  constructor(store: Store, clock: Clock, earlyMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.#earlyMs = earlyMs;
  }

  /**
   * Calls `due` after that time, or a while earlier, with others. It has to ask for its renewal before it first waits for anything.
   * @returns what keeps it from being called
   */
  after(afterMs: number, due: (renew: Renew) => void): () => void {
    this.#waiting.set(due, this.#clock.monotonicMs() + afterMs);
    const cancelTimer = this.#clock.after(afterMs, () => this.#run());
    return () => {
      this.#waiting.delete(due);
      cancelTimer();
    };
  }

  #run(): void {
    const untilMs = this.#clock.monotonicMs() + this.#earlyMs;
    const asked: Asked[] = [];
    const renew: Renew = (renewal) => new Promise((tell) => asked.push({ renewal, tell }));
    for (const [due, atMs] of [...this.#waiting]) {
      if (atMs > untilMs) continue;
      this.#waiting.delete(due);
      due(renew);
    }
    for (let from = 0; from < asked.length; from += TOGETHER_MAX)
      void this.#together(asked.slice(from, from + TOGETHER_MAX));
  }

  /** All of them, or none. */
  async now(...renewals: readonly Renewal[]): Promise<Renewed> {
    const untilMs = Math.min(...renewals.map((each) => each.untilMs));
    const limit = scope(this.#clock, [], Math.max(1, untilMs - this.#clock.monotonicMs()));
    const committed = await guard(() =>
      this.#store.commit(
        renewals.map(({ change }) => change),
        { signal: limit.signal, fence: renewals.map(({ fence }) => fence) },
      ),
    );
    limit.end();
    return committed;
  }

  async #together(asked: readonly Asked[]): Promise<void> {
    const committed = await this.now(...asked.map(({ renewal }) => renewal));
    const isRefused = committed.isErr() && ['lease-lost', 'store-conflict'].includes(committed.error.kind);
    for (const { renewal, tell } of asked) {
      // Nothing of it was written, for the sake of one that is lost: which one is found out by asking for each alone.
      if (isRefused && asked.length > 1) tell(await this.now(renewal));
      else tell(committed.isErr() ? err(committed.error) : committed);
    }
  }
}
