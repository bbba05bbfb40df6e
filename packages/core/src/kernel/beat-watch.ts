/** Who still beats, as far as can be told by our own clock. */
import type { Clock } from '../ports/clock.js';

/** What is renewed by a beat: a lease, and a host's row. */
export interface Beating {
  readonly id: string;
  /** Of another grant the beats begin anew. */
  readonly token?: number;
  readonly beat: number;
  readonly ttlMs: number;
}

interface Seen {
  readonly token: number | undefined;
  readonly beat: number;
  /** Since when the beat stands there, and when it was last looked at. */
  readonly sinceMs: number;
  readonly lookedMs: number;
  readonly isAlive: boolean;
}

/** `alive`: it was seen to renew, or to take it. `unknown`: it was not seen for long enough to tell. */
export type Standing = 'free' | 'expired' | 'alive' | 'unknown';

/**
 * Watches beats stand still, on our own monotonic clock. What one attempt has seen counts for the next: somebody who only looks
 * in now and then would else never see a dead holder's lease expire.
 */
export class BeatWatch {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Seen>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is known by now of whoever beats, as far as was seen here. */
  look({ id, token, beat, ttlMs }: Beating): Exclude<Standing, 'free'> {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#seen.get(id);
    const isSame = before !== undefined && before.token === token && before.beat === beat;
    // That it has moved since somebody looked an hour ago says nothing about now.
    const moved = before !== undefined && !isSame && nowMs - before.lookedMs < ttlMs;
    const sinceMs = isSame ? before.sinceMs : nowMs;
    const isAlive = isSame ? before.isAlive : moved;
    this.#seen.set(id, { token, beat, sinceMs, isAlive, lookedMs: nowMs });
    if (nowMs - sinceMs >= ttlMs) return 'expired';
    return isAlive ? 'alive' : 'unknown';
  }

  /** When it had stood still for its `ttlMs`, of one that has `expired`: whoever held it starts nothing any more from then on. */
  expiredMs({ id, ttlMs }: Beating): number {
    return (this.#seen.get(id)?.sinceMs ?? this.#clock.monotonicMs()) + ttlMs;
  }

  /** Whether it has stood still for its `ttlMs` by now. */
  hasStopped(beating: Beating): boolean {
    return this.look(beating) === 'expired';
  }

  /** It is not there any more, or nobody's. */
  forget(id: string): void {
    this.#seen.delete(id);
  }
}
