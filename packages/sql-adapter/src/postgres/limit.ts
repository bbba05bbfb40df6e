/** What a call runs under: its caller's signal, and a bound of its own. It must be ended. */
import { aborted, type Clock, onAbort, type StoreError } from '@quayside/core/ports';
import { tooLate } from './faults.js';

export type Ending = 'aborted' | 'late';

export class Limit {
  readonly #signal: AbortSignal;
  readonly #limitMs: number;
  readonly #place: string;
  readonly #listeners = new Set<(ending: Ending) => void>();
  readonly #release: readonly (() => void)[];
  #ending: Ending | undefined;

  /**
   * @param limitMs infinite: for as long as it takes
   * @param isAwaited whether the process is kept alive for it
   */
  constructor(
    { clock, place }: { readonly clock: Clock; readonly place: string },
    signal: AbortSignal,
    limitMs: number,
    isAwaited = true,
  ) {
    this.#signal = signal;
    this.#limitMs = limitMs;
    this.#place = place;
    this.#release = [
      onAbort(signal, () => this.#end('aborted')),
      Number.isFinite(limitMs) ? clock.after(limitMs, () => this.#end('late'), isAwaited) : () => {},
    ];
  }

  get isOver(): boolean {
    return this.#ending !== undefined;
  }

  /** Calls back once, when it is over. The answer takes that back. */
  on(listener: (ending: Ending) => void): () => void {
    if (this.#ending) listener(this.#ending);
    else this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** @param last what was in the way all the time */
  error(outcome: 'unknown' | 'refused', last?: StoreError): StoreError {
    if (this.#ending === 'aborted') return { ...aborted('The call to the store', this.#signal.reason), outcome };
    return last && outcome === 'refused' ? last : tooLate(this.#place, this.#limitMs, outcome);
  }

  end(): void {
    for (const release of this.#release) release();
    this.#listeners.clear();
  }

  #end(ending: Ending): void {
    this.#ending ??= ending;
    for (const listener of [...this.#listeners]) listener(this.#ending);
    this.#listeners.clear();
  }
}
