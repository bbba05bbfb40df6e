/** One connection to the server, from its settings to its end. */
import type { Clock } from '@quayside/core/ports';
import type { Ask, Row } from '../dialect.js';
import type { Client, Driver } from './driver.js';

/** How long a polite end may take. */
const END_MS = 1_000;

export class Session {
  readonly #client: Client;
  readonly #onLost = new Set<() => void>();
  #isLost = false;

  /** @throws what is wrong with the login */
  constructor(driver: Driver) {
    this.#client = driver();
    const lost = () => {
      this.#isLost = true;
      for (const listener of this.#onLost) listener();
      this.#onLost.clear();
    };
    this.#client.on('error', lost);
    this.#client.on('end', lost);
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** The server's number for it. */
  get pid(): number | undefined {
    return this.#client.processID ?? undefined;
  }

  /** @throws what keeps it from connecting */
  async connect(settings: { readonly [name: string]: string }): Promise<void> {
    await this.#client.connect();
    await this.ask([settingsAsk(settings)]);
  }

  onLost(listener: () => void): void {
    if (this.#isLost) listener();
    else this.#onLost.add(listener);
  }

  /** Calls back when somebody notified a channel that it listens to, with the number of that somebody's connection. */
  onNotification(listener: (pid: number) => void): void {
    this.#client.on('notification', ({ processId }) => listener(processId));
  }

  /** Asks all of it at once, and answers the rows of each. @throws the first error */
  async ask(batch: readonly Ask[]): Promise<(readonly Row[])[]> {
    return (await this.#query(batch)).map(({ rows }) => rows);
  }

  /** @throws also where the server rolled back instead */
  async commit(before: readonly Ask[]): Promise<void> {
    const answers = await this.#query([...before, COMMIT]);
    const said = answers.at(-1)?.command;
    if (said !== 'COMMIT') throw new Error(`The server answered a COMMIT with ${said}.`);
  }

  /** Whether the server says that it is done: what went before has not happened then. */
  async rollBack(): Promise<boolean> {
    if (this.#isLost) return false;
    return this.ask([ROLLBACK]).then(
      () => true,
      () => false,
    );
  }

  /** Whether it keeps the process alive. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#client.ref();
    else this.#client.unref();
  }

  /** At once: whatever waits for an answer is told of the loss. */
  destroy(): void {
    this.#isLost = true;
    this.#client.connection.stream.destroy();
  }

  /** Takes leave of the server, which frees what it has for this connection. */
  end(clock: Clock): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.after(END_MS, () => finish(), true);
      const finish = () => {
        cancel();
        this.destroy();
        resolve();
      };
      void this.#client.end().then(finish, finish);
    });
  }

  async #query(batch: readonly Ask[]) {
    const settled = await Promise.allSettled(
      batch.map(({ sql, values }) => this.#client.query({ text: sql, values: [...values] })),
    );
    return settled.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    });
  }
}

const plain = (sql: string): Ask => ({ sql, values: [], answer: 'none' });
/** Each statement sees what was committed before it: what a lock has been waited for is seen by the next one. */
export const BEGIN = plain('begin isolation level read committed read write');
const COMMIT = plain('commit');
const ROLLBACK = plain('rollback');

/** Those that the server does not know are left out. What was committed is on the disk; stronger settings stay. */
function settingsAsk(settings: { readonly [name: string]: string }): Ask {
  const wanted = Object.entries(settings);
  return {
    sql: `select set_config(name, value, false) from (
      values ('synchronous_commit', case when current_setting('synchronous_commit') = 'remote_apply' then 'remote_apply' else 'on' end)
      ${wanted.map((_, index) => `, ($${index * 2 + 1}, $${index * 2 + 2})`).join('')}
    ) as wanted(name, value) where name in (select name from pg_catalog.pg_settings)`,
    values: wanted.flat(),
    answer: 'none',
  };
}
