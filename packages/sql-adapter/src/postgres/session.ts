/** One connection to the server, from its settings to its end. */
import type { Clock } from '@quayside/core/ports';
import type { Ask, Row } from '../dialect.js';
import type { Client, Driver } from './driver.js';
import { codeOf, isLoss } from './faults.js';

/** How long a polite end may take. */
const END_MS = 1_000;

type Settings = { readonly [name: string]: string };

export class Session {
  readonly #client: Client;
  readonly #onLost = new Set<() => void>();
  #isLost = false;
  #last: unknown;

  /** @throws what is wrong with the login */
  constructor(driver: Driver) {
    this.#client = driver();
    this.#client.on('error', (error) => this.#lost(error));
    this.#client.on('end', () => this.#lost());
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** The server's last word, where it has ended the connection: it says more than what a call is told afterwards. */
  get last(): unknown {
    return this.#last;
  }

  /** The server's number for it. */
  get pid(): number | undefined {
    return this.#client.processID ?? undefined;
  }

  /**
   * @param settings that every server has
   * @param wishes that some have: without them it goes on all the same
   * @throws what keeps it from connecting
   */
  async connect(settings: Settings = {}, wishes: Settings = {}): Promise<void> {
    await this.#client.connect();
    const wished = this.ask([settingsAsk(wishes)]).catch(() => {});
    await this.ask([settingsAsk(settings)]);
    await wished;
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
    // The socket may close a little after such a word.
    for (const each of settled) if (each.status === 'rejected' && isLoss(each.reason)) this.#lost(each.reason);
    return settled.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    });
  }

  #lost(error?: unknown): void {
    this.#isLost = true;
    if (codeOf(this.#last) === undefined) this.#last = error ?? this.#last;
    for (const listener of this.#onLost) listener();
    this.#onLost.clear();
  }
}

const plain = (sql: string): Ask => ({ sql, values: [], answer: 'none' });
/** Each statement sees what was committed before it: what a lock has been waited for is seen by the next one. */
export const BEGIN = plain('begin isolation level read committed read write');
const COMMIT = plain('commit');
const ROLLBACK = plain('rollback');

/** What was committed is on the disk; a stronger setting stays. */
function settingsAsk(settings: Settings): Ask {
  const wanted = Object.entries(settings).map((_, index) => `set_config($${index * 2 + 1}, $${index * 2 + 2}, false)`);
  const kept = "current_setting('synchronous_commit')";
  const flushed = `set_config('synchronous_commit', case ${kept} when 'remote_apply' then ${kept} else 'on' end, false)`;
  return { sql: `select ${[flushed, ...wanted].join(', ')}`, values: Object.entries(settings).flat(), answer: 'none' };
}
