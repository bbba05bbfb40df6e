import { type Clock, onAbort } from '@quayside/core/ports';

/** What arrives within so long after a first entry is handed on with it: one write to a thousand sockets, and not one for each entry. */
const GATHER_MS = 5;

/** Reads an iterable on demand, some entries at a time: nothing is asked for while nobody waits. */
export class Gathering<T> {
  hasEnded = false;
  readonly #reader: AsyncIterator<T>;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  /** Adds an entry, and answers whether there is room for more. */
  readonly #add: (entry: T) => boolean;
  #coming: Promise<IteratorResult<T>> | undefined;
  #advancing: Promise<void> | undefined;

  constructor(from: AsyncIterable<T>, clock: Clock, signal: AbortSignal, add: (entry: T) => boolean) {
    this.#reader = from[Symbol.asyncIterator]();
    this.#clock = clock;
    this.#signal = signal;
    this.#add = add;
  }

  /** Settles once there is more, or the end. Whoever asks meanwhile waits for the same. */
  advance(): Promise<void> {
    this.#advancing ??= this.#gather().finally(() => {
      this.#advancing = undefined;
    });
    return this.#advancing;
  }

  async #gather(): Promise<void> {
    if (!this.#take(await this.#next())) return;
    let isOver = false;
    let wake = () => {};
    const over = new Promise<undefined>((resolve) => {
      wake = () => {
        isOver = true;
        resolve(undefined);
      };
    });
    const stop = this.#clock.after(GATHER_MS, wake, true);
    const letGo = onAbort(this.#signal, wake);
    try {
      while (!isOver) {
        const more = await Promise.race([this.#next(), over]);
        if (!more || !this.#take(more)) return;
      }
    } finally {
      stop();
      letGo();
    }
  }

  /** What was asked for and has not come yet is waited for the next time. */
  #next(): Promise<IteratorResult<T>> {
    if (!this.#coming) {
      this.#coming = this.#reader.next();
      // Who waits for it is told; between two waits nobody is.
      this.#coming.catch(() => {});
    }
    return this.#coming;
  }

  #take({ done, value }: IteratorResult<T>): boolean {
    this.#coming = undefined;
    if (!done) return this.#add(value);
    this.hasEnded = true;
    return false;
  }
}
