/**
 * When this host's traffic moved last. What is heavy and in no hurry, the taking down of an instance, waits for a moment of calm: a
 * machine that also serves visitors gives the second of a cutover to them.
 */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { routine } from '../kernel/routine.js';
import { sleep } from '../kernel/scope.js';
import type { Clock } from '../ports/clock.js';

/** How long after a move it is calm again, in milliseconds. */
const CALM_MS = 1_000;
/** Who deploys without a pause still gets rid of what is old: the longest wait, in milliseconds. */
const MOST_MS = 10_000;

export class Traffic {
  readonly #clock: Clock;
  #movedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Routes are about to move. */
  moves(): void {
    this.#movedMs = this.#clock.monotonicMs();
  }

  /** Waits until a second has passed since the last move. What it answers may be called again, and waits for ten seconds in all at most. */
  calm(signal: AbortSignal): () => ResultAsync<void, AnyError> {
    const clock = this.#clock;
    let budgetMs = MOST_MS;
    const leftMs = () => Math.min(this.#movedMs + CALM_MS - clock.monotonicMs(), budgetMs);
    return () =>
      routine(async function* () {
        for (let waitMs = leftMs(); waitMs > 0; waitMs = leftMs()) {
          budgetMs -= waitMs;
          yield* sleep(clock, waitMs, signal);
        }
        return ok<void, AnyError>(undefined);
      });
  }
}
