/** The time as shown: it moves each second, and ten times a second where something that runs is looked at. */
class Clock {
  now = $state(Date.now());
  #fast = 0;

  constructor() {
    setInterval(() => this.#tick(), 1_000);
    setInterval(() => this.#fast > 0 && this.#tick(), 100);
  }

  #tick() {
    if (!document.hidden) this.now = Date.now();
  }

  /** @returns lets it go slowly again */
  hurry(): () => void {
    this.#fast += 1;
    return () => {
      this.#fast -= 1;
    };
  }
}

export const clock = new Clock();
