/**
 * Submissions: a request becomes a queued record at once, and is run by this deployer when its turn comes. Here one at a time per stage
 * is in front, the one with the smallest id; across processes the stage's line says whose turn it is, and the lease makes it one at a time.
 *
 *   in line ──the one before has ended──▶ in front ──its turn, the lease──▶ started ──▶ ended
 *      └───────ended or taken over by somebody else, the deployer closes─────┘ (what is queued stays queued)
 */
import { err, errAsync, ok, okAsync, ResultAsync } from 'neverthrow';
import { type AnyError, aborted, bug } from '../domain/errors.js';
import { type DeploymentRecord, isTerminal, type TaskRecord } from '../domain/records.js';
import { type Deployment, deploymentView } from '../domain/views.js';
import { type CancelCause, cancelled } from '../flow/cancel.js';
import { type Begun, type Outcome, runBegun, runDeployment, stageLease } from '../flow/deploy.js';
import type { Host } from '../flow/host.js';
import { LookAhead } from '../flow/resolve.js';
import { untilAborted } from '../kernel/on-abort.js';
import { guard, routine } from '../kernel/routine.js';
import { endedWithin } from '../kernel/scope.js';
import type { Stored } from '../ports/store.js';
import { accept, acceptAndBegin, type Known, queuedRecord, type Submission } from '../workers/accept.js';
import { endQueued } from '../workers/endings.js';
import type { Heartbeat } from '../workers/heartbeat.js';
import type { Hosts } from '../workers/hosts.js';
import { late } from './late.js';
import { LineWatch } from './line-watch.js';
import { type Ended, type Job, Lines, newJob, type Run, type WaitsFor } from './lines.js';
import { followResult, verdict } from './results.js';
import type { DeployError, Handle } from './types.js';
import { closed } from './unknown.js';

export class Submissions {
  readonly #host: Host;
  readonly #heartbeat: Heartbeat;
  readonly #hosts: Hosts;
  readonly #onTasks: (tasks: readonly TaskRecord[]) => void;
  readonly #jobs = new Map<string, Job>();
  readonly #lines: Lines;
  readonly #watch: LineWatch;
  /** What is on its way to the store. */
  readonly #coming = new Set<string>();
  readonly #storing = new Set<Promise<unknown>>();
  /** What is over, and could not be written down as that. */
  readonly #unended = new Map<string, AnyError>();
  readonly #closing = new AbortController();
  /** Nothing is to run any more, what begins this very moment included. */
  #cancelsAll = false;

  constructor(host: Host, heartbeat: Heartbeat, hosts: Hosts, onTasks: (tasks: readonly TaskRecord[]) => void) {
    this.#host = host;
    this.#heartbeat = heartbeat;
    this.#hosts = hosts;
    this.#onTasks = onTasks;
    this.#lines = new Lines(
      (job) => this.#run(job).catch((thrown: unknown): Run => ({ ended: err(bug(thrown)) })),
      (front, behind) => {
        const { id, queuedAt, stageKey } = front.stored.value;
        const waitsFor = { lease: stageLease(stageKey), holder: host.id, since: queuedAt, heldFor: id };
        for (const job of behind) this.#tell(job, waitsFor);
      },
    );
    this.#watch = new LineWatch({
      host,
      hosts,
      jobs: this.#jobs,
      signal: this.#closing.signal,
      onSeen: (job, stored) => this.#seen(job, stored),
      onWait: (job, of) => this.#tell(job, of),
    });
  }

  /** @param cancel cancels the deployment that this makes; `signal` bounds the storing alone */
  submit(submission: Submission | Known, signal: AbortSignal, cancel?: AbortSignal): ResultAsync<Handle, DeployError> {
    if (this.#closing.signal.aborted) return errAsync(closed());
    if ('known' in submission) return okAsync(this.#known(submission, cancel));
    const host = this.#host;
    const self = this;
    const record = queuedRecord(host, submission);
    this.#coming.add(record.id);
    // What may be refused is stored first, and what has to wait.
    const { policy, rollBackTo } = submission.request;
    const isFirst = submission.keyed === null && policy !== 'reject' && this.#lines.isFree(record.stageKey);
    const ahead = isFirst ? new LookAhead(host, record.request, cancel ? [cancel] : []) : undefined;
    const stored = routine(async function* () {
      let isEntered = false;
      try {
        if (isFirst && policy === 'queue' && rollBackTo === undefined) {
          const begun = yield* acceptAndBegin(host, self.#heartbeat, record, signal);
          isEntered = begun !== undefined;
          if (begun) return ok<Handle, DeployError>(self.#handle(self.#enter(begun.stored, { cancel, ahead, begun })));
        }
        const around = { hosts: self.#hosts, heartbeat: self.#heartbeat };
        const accepted = yield* accept(host, around, record, submission.keyed, signal);
        if ('known' in accepted) return ok<Handle, DeployError>(self.#known(accepted, cancel));
        for (const each of accepted.superseded) self.ended(each);
        const { id } = record;
        // Stored while it closed: it stays queued, like all that has not begun.
        if (self.#closing.signal.aborted) return ok<Handle, DeployError>({ id, result: errAsync(closed()) });
        isEntered = true;
        const job = self.#enter({ value: record, version: 1 }, { cancel, ahead });
        if (accepted.running !== null)
          await self.cancel(
            accepted.running,
            { by: record.request.by ?? null, reason: `superseded by ${id}` },
            signal,
            { isAsked: false },
          );
        return ok<Handle, DeployError>(self.#handle(job));
      } finally {
        self.#coming.delete(record.id);
        if (!isEntered) ahead?.forget();
      }
    });
    const over: Promise<unknown> = Promise.resolve(stored).then(() => this.#storing.delete(over));
    this.#storing.add(over);
    return stored;
  }

  #handle({ stored, result }: Job): Handle {
    return { id: stored.value.id, result: new ResultAsync(result) };
  }

  /** Who asks again may stop waiting; what was asked for before stays asked for. */
  #known({ known: id }: Known, signal?: AbortSignal): Handle {
    return { id, result: this.result(id, signal) };
  }

  /** The end of any deployment: of our own from memory, of others' from the store. */
  result(id: string, signal?: AbortSignal): ResultAsync<Deployment, DeployError> {
    const own = this.#jobs.get(id);
    if (!own) return followResult(this.#host, id, signal ?? new AbortController().signal);
    if (!signal) return new ResultAsync(own.result);
    const notWaited = (): Ended => err(aborted('Waiting for the result', signal.reason));
    return new ResultAsync(untilAborted(own.result, signal, notWaited));
  }

  /** Whoever runs it; of our own what runs is told at once. */
  cancel(id: string, cause: CancelCause, signal: AbortSignal, { isAsked }: { readonly isAsked: boolean }) {
    const asked = guard(async () => {
      const { cancelDeployment } = await late.cancel();
      return cancelDeployment(this.#host, id, cause, signal, isAsked);
    });
    return asked.andTee(({ record, state }) => {
      const job = this.#jobs.get(id);
      if (state === 'cancelling') job?.cancel.abort(cancelled('before its commit', cause));
      else if (record) this.ended(record);
    });
  }

  /** Somebody has ended it in its queue. */
  ended(record: DeploymentRecord): void {
    const job = this.#jobs.get(record.id);
    if (job && isTerminal(record.status)) this.#lines.leave(job, () => verdict(record));
  }

  /** Runs what was queued for this host, by whomever: taken over from another one, or stored after its submission was given up. */
  adopt(stored: Stored<DeploymentRecord>): void {
    const { id } = stored.value;
    const known = this.#jobs.get(id);
    // One that follows what another host was to do with it, and has given back, has no place in the line any more.
    const isFollowing = known?.isLeft && !known.isStarted && !known.cancel.signal.aborted;
    if (this.#closing.signal.aborted || (known && !isFollowing) || this.#coming.has(id)) return;
    const error = this.#unended.get(id);
    if (error) void this.#endQueued(id, error);
    else this.#enter(stored);
  }

  /** Ends what runs: waits for it, cancels it after `timeoutMs`, when it is hurried, or at once. What is queued stays so. */
  async close(running: 'finish' | 'cancel', timeoutMs: number, hurry: AbortSignal): Promise<void> {
    const reason = new Error('the deployer is closing');
    this.#closing.abort(reason);
    const startMs = this.#host.clock.monotonicMs();
    // One that is being stored may have begun with that.
    await endedWithin(this.#host.clock, Promise.all(this.#storing), timeoutMs, hurry);
    const all = [...this.#jobs.values()];
    const cancel = () => {
      this.#cancelsAll = true;
      for (const job of all) if (job.isStarted) job.cancel.abort(hostClosed());
    };
    for (const job of all) if (!job.isStarted) this.#lines.leave(job, () => err(closed()));
    if (running === 'cancel') cancel();
    const ended = Promise.all(all.map(({ result }) => result));
    const leftMs = Math.max(0, startMs + timeoutMs - this.#host.clock.monotonicMs());
    const hasEnded = await endedWithin(this.#host.clock, ended, leftMs, hurry);
    if (!hasEnded || hurry.aborted) cancel();
    await ended;
    await this.#watch.idle();
  }

  #enter(stored: Stored<DeploymentRecord>, { cancel, ahead, begun }: Entry = {}): Job {
    const { id } = stored.value;
    const job = newJob(stored, ahead, begun);
    const onCancel = () => this.#cancel(job);
    this.#jobs.set(id, job);
    void job.result.then(() => {
      job.ahead?.forget();
      cancel?.removeEventListener('abort', onCancel);
      if (this.#jobs.get(id) === job) this.#jobs.delete(id);
      this.#watch.ended();
    });
    cancel?.addEventListener('abort', onCancel, { once: true });
    this.#lines.enter(job);
    if (cancel?.aborted) onCancel();
    this.#watch.start();
    return job;
  }

  /** Whoever has to wait looks once more when its turn has come. */
  #tell(job: Job, of: WaitsFor): void {
    job.ahead?.forget();
    job.ahead = undefined;
    const text = `${of.holder} ${of.heldFor}`;
    if (job.toldOf === text) return;
    job.toldOf = text;
    this.#host.hub.emit('deployment.waiting', { deploymentId: job.stored.value.id, ...of });
  }

  /** By its caller's signal. */
  #cancel(job: Job): void {
    job.cancel.abort(cancelled('before its commit'));
    // Whoever waits in line need not wait for those before only to hear that it is over.
    if (!job.isStarted)
      this.#lines.leave(job, () => this.#endQueued(job.stored.value.id, cancelled('before it began')));
  }

  async #run(job: Job): Promise<Run> {
    const { id } = job.stored.value;
    for (;;) {
      if (!job.begun) await this.#watch.turn(job);
      const { version } = job.stored;
      const outcome = await this.#begin(job);
      if (outcome.isOk()) {
        this.#onTasks(outcome.value.tasks);
        const { deployment, error } = outcome.value;
        return { ended: error ? err({ ...error, deployment }) : ok(deployment) };
      }
      const { error } = outcome;
      // The end of what has begun is with whoever settles its stage: here the error is all there is to say.
      if (job.isStarted) return { ended: err(error) };
      // It never held the stage: it ends where it stands, in the queue.
      if (job.cancel.signal.aborted) return { ended: this.#endQueued(id, cancelled('before it began')) };
      if (this.#closing.signal.aborted) return { ended: err(closed()) };
      // Somebody else has taken it up, or ended it: its end is theirs to tell.
      if (job.isLeft) return { ended: this.#follow(id) };
      if (job.waiting.signal.aborted) return 'steps back';
      const isForeign = error.kind === 'store-conflict' && 'id' in error && error.id === id;
      if (!isForeign) return { ended: this.#endQueued(id, error) };
      await this.#watch.lookAt(job);
      if (job.stored.version === version) return { ended: this.#follow(id) };
    }
  }

  #begin(job: Job): ResultAsync<Outcome, AnyError> {
    if (job.isLeft) return errAsync(aborted('Waiting in line'));
    const { ahead, begun } = job;
    const { signal } = job.cancel;
    job.ahead = undefined;
    if (begun) {
      if (this.#cancelsAll) job.cancel.abort(hostClosed());
      return runBegun(this.#host, begun, ahead, signal);
    }
    return runDeployment(this.#host, job.stored, signal, {
      ahead,
      waiting: job.waiting.signal,
      onWait: ({ deployment: heldFor, ...of }) => this.#tell(job, { ...of, heldFor }),
      onStarted: () => {
        job.isStarted = true;
        if (this.#cancelsAll) job.cancel.abort(hostClosed());
      },
    });
  }

  /** The store has it, and it has not begun here. */
  #seen(job: Job, stored: Stored<DeploymentRecord>): void {
    const { value } = stored;
    if (isTerminal(value.status)) this.ended(value);
    else if (value.host !== this.#host.id) this.#lines.leave(job, () => this.#follow(value.id));
    else if (value.status === 'queued') job.stored = stored;
  }

  /** Ends what is queued. What could not be written down stays queued; the reader is owed the error that came first. */
  async #endQueued(id: string, error: AnyError): Promise<Ended> {
    const status = error.kind === 'cancelled' ? 'cancelled' : 'failed';
    const ended = await endQueued(this.#host, id, { status, error }, new AbortController().signal);
    if (ended.isErr()) this.#unended.set(id, error);
    else this.#unended.delete(id);
    if (ended.isErr() || !ended.value) return err(error);
    if (ended.value.status === status) return err({ ...error, deployment: deploymentView(ended.value) });
    return isTerminal(ended.value.status) ? verdict(ended.value) : this.#follow(id);
  }

  /** The end of what somebody else runs now. */
  #follow(id: string): ResultAsync<Deployment, DeployError> {
    const { signal } = this.#closing;
    return followResult(this.#host, id, signal).mapErr((error) => (signal.aborted ? closed() : error));
  }
}

/** What is known of one that enters, beside its record. */
interface Entry {
  readonly cancel?: AbortSignal | undefined;
  readonly ahead?: LookAhead | undefined;
  readonly begun?: Begun | undefined;
}

const hostClosed = () => cancelled('before its commit', { reason: 'its host was closed' });
