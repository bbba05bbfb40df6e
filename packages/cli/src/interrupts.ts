/**
 * Ctrl-C. The first one asks for the end: what runs is cancelled and undone. The second one leaves at once, after it was said what is
 * left. Once the verdict is out, the next one hurries the closing, and only another one leaves.
 */
import type { Io } from './io.js';

export class Interrupts {
  readonly #io: Io;
  readonly #asked = new AbortController();
  readonly #off: () => void;
  /** Told of the first one. */
  onFirst: () => void = () => {};
  /** Says what is left, and answers the exit code. */
  onLeave: () => number = () => 130;
  /** Hurries the closing; set once the verdict is out. */
  onOver: (() => void) | undefined;

  constructor(io: Io) {
    this.#io = io;
    this.#off = io.onInterrupt(() => this.#next());
  }

  /** Aborted by the first one. */
  get signal(): AbortSignal {
    return this.#asked.signal;
  }

  stop(): void {
    this.#off();
  }

  #next(): void {
    const { onOver } = this;
    if (onOver) {
      this.#asked.abort(new Error('Ctrl-C was pressed'));
      this.onOver = undefined;
      onOver();
      return;
    }
    if (this.#asked.signal.aborted) {
      this.#io.leave(this.onLeave());
      return;
    }
    this.onFirst();
    this.#asked.abort(new Error('Ctrl-C was pressed'));
  }
}

/** Resolves once the signal is aborted. */
export const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
