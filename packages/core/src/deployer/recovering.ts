/** Recovery as a deployer has it: in the background at its start, on demand, and swept at each beat; one at a time. */
import { err, ResultAsync } from 'neverthrow';
import { type AnyError, bug } from '../domain/errors.js';
import type { RecoveryReport } from '../domain/reports.js';
import type { Host } from '../flow/host.js';
import { guard } from '../kernel/routine.js';
import { scope } from '../kernel/scope.js';
import type { TaskRunner } from '../tasks/runner.js';
import { late } from './late.js';

export class Recovering {
  readonly #host: Host;
  readonly #runner: TaskRunner;
  readonly #closing = new AbortController();
  #tail: Promise<unknown> = Promise.resolve();
  /** Whether one has come to its end: from then on sweeping is enough. */
  #isThrough = false;

  constructor(host: Host, runner: TaskRunner) {
    this.#host = host;
    this.#runner = runner;
  }

  /** The next one begins when the one before has ended. */
  run(signal: AbortSignal): ResultAsync<RecoveryReport, AnyError> {
    const mine = this.#tail.then(async () => {
      const own = scope(this.#host.clock, [signal, this.#closing.signal]);
      const { recover } = await late.recovery();
      const report = await guard(() => recover(this.#host, this.#runner, own.signal));
      own.end();
      this.#isThrough ||= report.isOk();
      return report;
    });
    this.#tail = mine.catch(() => undefined);
    return new ResultAsync(mine.catch((thrown: unknown) => err(bug(thrown))));
  }

  /** For each beat. Until a recovery has been through, which a store or an engine that was away may have kept it from, it is tried again. */
  async sweep(signal: AbortSignal): Promise<void> {
    await this.#tail;
    if (!this.#isThrough) return void (await this.run(signal));
    const { sweep } = await late.recovery();
    await sweep(this.#host, this.#runner, signal);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the deployer is closing'));
    await this.#tail;
  }
}
