/** Who wants to hear of commits. The database is watched only while there is somebody. */
export class Followers {
  readonly #listeners = new Set<{ readonly listener: () => void }>();
  #watch: ((onCommit: () => void) => () => void) | undefined;
  #unwatch: (() => void) | undefined;

  /** @param watch how to hear of commits, once the database is open */
  start(watch: (onCommit: () => void) => () => void): void {
    this.#watch = watch;
    this.#follow();
  }

  add(listener: () => void): () => void {
    const entry = { listener };
    this.#listeners.add(entry);
    this.#follow();
    return () => {
      this.#listeners.delete(entry);
      if (this.#listeners.size === 0) this.#rest();
    };
  }

  close(): void {
    this.#listeners.clear();
    this.#watch = undefined;
    this.#rest();
  }

  #follow(): void {
    if (this.#listeners.size > 0) this.#unwatch ??= this.#watch?.(() => this.#tell());
  }

  #rest(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  #tell(): void {
    for (const { listener } of [...this.#listeners]) {
      try {
        listener();
      } catch {
        // A listener's own matter: the commit is done, and the others want to know.
      }
    }
  }
}
