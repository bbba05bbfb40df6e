/**
 * The one connection that writes. Works queue up and run in their order; those that have gathered while the disk was busy with the
 * last ones share one transaction and one flush, each in a savepoint of its own, so that one which is refused takes no other with it.
 *
 *   waiting ──BEGIN IMMEDIATE──▶ running ──COMMIT is on the disk──▶ answered
 *      └──aborted, or locked out for `busyTimeoutMs`──▶ answered, nothing done
 *
 * Whoever aborts a running one is told what became of it; only where the disk hangs, that this is unknown.
 */
import { aborted, onAbort, type StoreError } from '@quayside/core/ports';
import { err, type Result } from 'neverthrow';
import type { Ask, Row, Work } from '../dialect.js';
import { notBegun } from '../errors.js';
import type { WriterConnection, WriterStatement } from './driver.js';
import { describeFault, isBusy, lockedOut } from './faults.js';
import { lockPause, type Patience } from './waiting.js';

/** Works in one transaction: with more, the first of them would wait for long. */
const TOGETHER_MAX = 32;
/** A commit that has begun is answered as what it became; an aborted one waits for that only so long. */
const HANGING_MS = 1_000;
const CLOSE_MS = 5_000;

type Outcome = Result<unknown, StoreError>;

interface Job {
  readonly work: () => Work<Outcome>;
  readonly changes: boolean;
  readonly sinceMs: number;
  /** It shares its transaction with nobody: something broke when it did. */
  isAlone: boolean;
  answer(outcome: Outcome): void;
}

export class Writer {
  readonly #connection: WriterConnection;
  readonly #patience: Patience;
  readonly #onCommit: () => void;
  readonly #statements = new Map<string, WriterStatement>();
  #waiting: Job[] = [];
  #isRunning = false;

  /** @param onCommit called after each commit, before its works are answered */
  constructor(connection: WriterConnection, patience: Patience, onCommit: () => void) {
    this.#connection = connection;
    this.#patience = patience;
    this.#onCommit = onCommit;
  }

  /** @param changes whether it may change anything: nobody is told of what does not */
  run<T>(work: () => Work<Result<T, StoreError>>, signal: AbortSignal, changes = true): Promise<Result<T, StoreError>> {
    const { clock } = this.#patience;
    return new Promise((resolve) => {
      let forget = () => {};
      const job: Job = {
        work,
        changes,
        sinceMs: clock.monotonicMs(),
        isAlone: false,
        answer: (outcome) => {
          forget();
          // A promise keeps the first answer: what comes after an abort is dropped.
          resolve(outcome as Result<T, StoreError>);
        },
      };
      this.#waiting.push(job);
      forget = onAbort(signal, () => {
        if (this.#waiting.includes(job)) {
          this.#waiting = this.#waiting.filter((each) => each !== job);
          job.answer(err(notBegun(signal)));
          return;
        }
        // It is about to be answered, unless the disk hangs.
        forget = clock.after(HANGING_MS, () => job.answer(err(aborted('The commit', signal.reason))));
      });
      if (!this.#isRunning) void this.#drain();
    });
  }

  /** To be called once nothing is under way. Empties the log into the file, where nobody else is at it. */
  async close(): Promise<void> {
    this.#statements.clear();
    const emptied = this.#connection.exec('PRAGMA wal_checkpoint(TRUNCATE)').then(
      () => true,
      // The next who opens it will do it.
      () => true,
    );
    const given = new Promise<boolean>((resolve) => {
      const forget = this.#patience.clock.after(CLOSE_MS, () => resolve(false));
      void emptied.then(forget);
    });
    // A connection whose disk hangs is left to the end of the process: closing it would hang with it.
    if (await Promise.race([emptied, given])) this.#connection.close();
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      try {
        await this.#ask({ sql: 'BEGIN IMMEDIATE', values: [], answer: 'none' });
      } catch (thrown) {
        if (isBusy(thrown)) await this.#standBack();
        else this.#leaveAll(describeFault(thrown, this.#patience.path, 'change'));
        continue;
      }
      await this.#transaction(this.#next());
    }
    this.#isRunning = false;
  }

  #next(): Job[] {
    const end = this.#waiting.findIndex((job) => job.isAlone);
    const count = end === 0 ? 1 : end < 0 ? TOGETHER_MAX : Math.min(end, TOGETHER_MAX);
    return this.#waiting.splice(0, count);
  }

  async #standBack(): Promise<void> {
    const { clock, busyTimeoutMs, path } = this.#patience;
    const waitedMs = (job: Job) => clock.monotonicMs() - job.sinceMs;
    const late = this.#waiting.filter((job) => waitedMs(job) >= busyTimeoutMs);
    this.#waiting = this.#waiting.filter((job) => !late.includes(job));
    for (const job of late) job.answer(err(lockedOut(path, waitedMs(job))));
    if (this.#waiting.length > 0) await lockPause(clock);
  }

  #leaveAll(error: StoreError): void {
    for (const job of this.#waiting.splice(0)) job.answer(err(error));
  }

  async #transaction(jobs: readonly Job[]): Promise<void> {
    const outcomes: Outcome[] = [];
    try {
      for (const job of jobs) outcomes.push(await this.#work(job, jobs.length > 1));
    } catch (thrown) {
      await this.#rollBack();
      const [only, ...others] = jobs;
      if (only && others.length === 0) only.answer(err(describeFault(thrown, this.#patience.path, 'change')));
      else this.#waiting.unshift(...jobs.map((job) => Object.assign(job, { isAlone: true })));
      return;
    }
    const answer = (ending?: Outcome) => {
      for (const [index, job] of jobs.entries()) {
        const outcome = outcomes[index];
        if (outcome) job.answer(outcome.isOk() && ending ? ending : outcome);
      }
    };
    if (outcomes.every((outcome) => outcome.isErr())) {
      await this.#rollBack();
      return answer();
    }
    try {
      await this.#connection.exec('COMMIT');
    } catch (thrown) {
      await this.#rollBack();
      return answer(err(describeFault(thrown, this.#patience.path, 'commit')));
    }
    if (jobs.some((job, index) => job.changes && outcomes[index]?.isOk())) this.#onCommit();
    answer();
  }

  async #work(job: Job, isShared: boolean): Promise<Outcome> {
    if (isShared) await this.#ask({ sql: 'SAVEPOINT work', values: [], answer: 'none' });
    const work = job.work();
    let step = work.next();
    while (!step.done) {
      const answers: (readonly Row[])[] = [];
      for (const ask of step.value) answers.push(await this.#ask(ask));
      step = work.next(answers);
    }
    if (isShared) {
      if (step.value.isErr()) await this.#ask({ sql: 'ROLLBACK TO work', values: [], answer: 'none' });
      await this.#ask({ sql: 'RELEASE work', values: [], answer: 'none' });
    }
    return step.value;
  }

  async #rollBack(): Promise<void> {
    // After a full disk SQLite has done so itself.
    if (this.#connection.inTransaction) await this.#connection.exec('ROLLBACK').catch(() => {});
  }

  async #ask({ sql, values, answer }: Ask): Promise<readonly Row[]> {
    const statement = this.#statements.get(sql) ?? (await this.#connection.prepare(sql));
    this.#statements.set(sql, statement);
    if (answer === 'rows') return statement.all(values);
    if (answer === 'row') {
      const row = statement.get(values);
      return row ? [row] : [];
    }
    statement.run(values);
    return [];
  }
}
