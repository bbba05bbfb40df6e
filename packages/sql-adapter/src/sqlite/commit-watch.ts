/**
 * Tells of commits. Of this connection's own at once; of everybody else's by SQLite's `data_version`, which costs some microseconds
 * to read, is looked at every 25 ms, and only while somebody wants to know.
 */
import type { Clock } from '@quayside/core/ports';
import type { Row } from '../dialect.js';

const LOOK_EVERY_MS = 25;

export class CommitWatch {
  readonly #clock: Clock;
  readonly #dataVersion: (() => Row | undefined) | undefined;
  #onCommit: (() => void) | undefined;
  #seen: unknown;
  #cancel: (() => void) | undefined;

  /** @param dataVersion undefined where nobody else can commit */
  constructor(clock: Clock, dataVersion: (() => Row | undefined) | undefined) {
    this.#clock = clock;
    this.#dataVersion = dataVersion;
  }

  start(onCommit: () => void): () => void {
    this.#onCommit = onCommit;
    this.#seen = this.#look();
    this.#later();
    return () => this.stop();
  }

  /** Looked at before it is told: whatever somebody else has committed until now, the listener finds too. */
  own(): void {
    if (!this.#onCommit) return;
    this.#seen = this.#look();
    this.#onCommit();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#onCommit = undefined;
  }

  #later(): void {
    if (!this.#dataVersion) return;
    this.#cancel = this.#clock.after(LOOK_EVERY_MS, () => {
      const now = this.#look();
      const isNew = now === undefined || now !== this.#seen;
      this.#seen = now;
      this.#later();
      if (isNew) this.#onCommit?.();
    });
  }

  /** Undefined where it could not be read, which counts as a change: whoever looks will see what is wrong. */
  #look(): unknown {
    try {
      return this.#dataVersion?.()?.['data_version'];
    } catch {
      return undefined;
    }
  }
}
