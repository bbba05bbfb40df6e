/**
 * The connection that reads: what is committed, in the same call, and while others write.
 *
 * An answer that needs no turn of the event loop could be awaited for ever in a loop, while no timer, no socket and no commit of the
 * same process gets its turn. So reads may take a few milliseconds of a turn, and the one after that waits for the next.
 */
import type { StoreError } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import type { Row, Work } from '../dialect.js';
import type { SyncConnection, SyncStatement } from './driver.js';
import { type Patience, untilUnlocked } from './waiting.js';

const TURN_MS = 4;

export class Reader {
  readonly #connection: SyncConnection;
  readonly #patience: Patience;
  readonly #statements = new Map<string, SyncStatement>();
  /** What reads have taken of this turn, and its end. */
  #takenMs = 0;
  #turn: Promise<void> | undefined;

  constructor(connection: SyncConnection, patience: Patience) {
    this.#connection = connection;
    this.#patience = patience;
  }

  /** Readers do not wait for writers; only for a moment where somebody mends the log of a process that died. */
  async run<T>(work: () => Work<T>, signal: AbortSignal): Promise<Result<T, StoreError>> {
    while (this.#takenMs > TURN_MS) await this.#turn;
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#takenMs = 0;
        this.#turn = undefined;
        resolve();
      });
    });
    return untilUnlocked(this.#patience, 'read', signal, () => {
      const startMs = performance.now();
      try {
        return this.#drive(work());
      } finally {
        this.#takenMs += performance.now() - startMs;
      }
    });
  }

  dataVersion(): Row | undefined {
    return this.#statement('PRAGMA data_version').get([]);
  }

  close(): void {
    this.#statements.clear();
    this.#connection.close();
  }

  #drive<T>(work: Work<T>): T {
    let step = work.next();
    while (!step.done) {
      step = work.next(
        step.value.map(({ sql, values, answer }) =>
          answer === 'rows' ? this.#statement(sql).all(values) : this.#row(sql, values),
        ),
      );
    }
    return step.value;
  }

  #row(sql: string, values: Parameters<SyncStatement['get']>[0]): readonly Row[] {
    const row = this.#statement(sql).get(values);
    return row ? [row] : [];
  }

  #statement(sql: string): SyncStatement {
    const found = this.#statements.get(sql) ?? this.#connection.prepare(sql);
    this.#statements.set(sql, found);
    return found;
  }
}
