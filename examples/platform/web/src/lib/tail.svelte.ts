/** The newest of what a stream brings. Hundreds of lines that come at once are one change of the page. */
export class Tail<T> {
  items = $state.raw<readonly T[]>([]);
  /** How many older ones are not shown any more. */
  dropped = $state(0);
  readonly #max: number;
  #waiting: T[] = [];
  #frame = 0;

  constructor(max: number) {
    this.#max = max;
  }

  push(item: T): void {
    this.#waiting.push(item);
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const all = [...this.items, ...this.#waiting];
      this.#waiting = [];
      this.dropped += Math.max(0, all.length - this.#max);
      this.items = all.slice(-this.#max);
    });
  }

  clear(): void {
    this.items = [];
    this.#waiting = [];
    this.dropped = 0;
  }

  /** What is not shown by now is not shown any more. */
  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#waiting = [];
  }
}
