/**
 * Submissions: a request becomes a queued record at once, and is run by this deployer in the order of asking, one at a time per stage.
 * Across processes it is the stage's lease that makes it one at a time.
 */
import { err, errAsync, ok, type Result, ResultAsync } from 'neverthrow';
import { type AnyError, aborted, bug, failure } from '../domain/errors.js';
import {
  type DeploymentRecord,
  type DeploymentRequest,
  isTerminal,
  stageKey,
  type TaskRecord,
} from '../domain/records.js';
import { type Deployment, deploymentView } from '../domain/views.js';
import { appendEvents, emitEvents, eventEntries } from '../events/drafts.js';
import { runDeployment } from '../flow/deploy.js';
import { sealOverrides } from '../flow/environment.js';
import type { Host } from '../flow/host.js';
import { confirmed } from '../kernel/confirm.js';
import { KeyedMutex } from '../kernel/mutex.js';
import { redactor } from '../kernel/redactor.js';
import { guard, routine } from '../kernel/routine.js';
import { scope, sleep } from '../kernel/scope.js';
import { revivedError, storedError } from '../kernel/stored-error.js';
import type { Change } from '../ports/store.js';
import type { Heartbeat } from '../workers/heartbeat.js';
import type { DeployError, Handle } from './types.js';
import { closed, unknownDeployment } from './unknown.js';
import { storeNews } from './wait.js';

/** What is asked for, checked. */
export interface Submission {
  readonly kind: 'deploy' | 'rollback';
  readonly request: Omit<DeploymentRequest, 'env' | 'policy' | 'running'>;
  /** Overrides in the clear. */
  readonly env: { readonly [name: string]: string };
}

interface Running {
  readonly controller: AbortController;
  readonly result: Promise<Result<Deployment, DeployError>>;
  /** Whether it has left the queue. */
  isStarted: boolean;
}

export class Submissions {
  readonly #host: Host;
  readonly #heartbeat: Heartbeat;
  readonly #onTasks: (tasks: readonly TaskRecord[]) => void;
  readonly #stages = new KeyedMutex();
  readonly #running = new Map<string, Running>();
  #isClosing = false;

  constructor(host: Host, heartbeat: Heartbeat, onTasks: (tasks: readonly TaskRecord[]) => void) {
    this.#host = host;
    this.#heartbeat = heartbeat;
    this.#onTasks = onTasks;
  }

  /** @param cancel cancels the deployment; `signal` bounds the storing alone */
  submit(submission: Submission, signal: AbortSignal, cancel?: AbortSignal): ResultAsync<Handle, DeployError> {
    if (this.#isClosing) return errAsync(closed());
    const host = this.#host;
    const self = this;
    return routine(async function* () {
      const record = yield* queuedRecord(host, submission);
      const entries = eventEntries(host, [
        { type: 'deployment.queued', payload: { deployment: deploymentView(record) } },
      ]);
      yield* confirmed(
        host.clock,
        host.store.commit(
          [
            { op: 'insert', collection: 'deployments', record },
            ...self.#heartbeat.introduction(),
            ...appendEvents(entries),
          ],
          { signal },
        ),
        (own) => host.store.get('deployments', record.id, { signal: own }).map(Boolean),
      );
      emitEvents(host.hub, entries);
      const result = self.#enqueue(record, cancel);
      return ok<Handle, DeployError>({ id: record.id, result: new ResultAsync(result) });
    });
  }

  /** The end of any deployment: of our own from memory, of others' from the store. */
  result(id: string, signal: AbortSignal): ResultAsync<Deployment, DeployError> {
    const own = this.#running.get(id);
    if (!own) return followResult(this.#host, id, signal);
    return new ResultAsync(
      new Promise((resolve) => {
        const onAbort = () => resolve(err(aborted('Waiting for the result', signal.reason)));
        if (signal.aborted) onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        // A signal that lives as long as the process would collect every wait that it ever bounded.
        void own.result.then(resolve).finally(() => signal.removeEventListener('abort', onAbort));
      }),
    );
  }

  /** Ends what runs: waits for it, cancels it after `timeoutMs`, when it is hurried, or at once. What is queued stays so. */
  async close(running: 'finish' | 'cancel', timeoutMs: number, hurry: AbortSignal): Promise<void> {
    this.#isClosing = true;
    const all = [...this.#running.values()];
    const reason = new Error('the deployer is closing');
    for (const each of all) if (running === 'cancel' || !each.isStarted) each.controller.abort(reason);
    const ended = Promise.all(all.map(({ result }) => result));
    const done = scope(this.#host.clock, [hurry]);
    void ended.then(() => done.abort());
    const slept = await sleep(this.#host.clock, timeoutMs, done.signal);
    done.end();
    if (slept.isOk() || hurry.aborted) for (const { controller } of all) controller.abort(reason);
    await ended;
  }

  #enqueue(record: DeploymentRecord, cancel: AbortSignal | undefined): Promise<Result<Deployment, DeployError>> {
    const controller = new AbortController();
    let cancelQueued: (result: Promise<Result<Deployment, DeployError>>) => void = () => {};
    const cancelled = new Promise<Result<Deployment, DeployError>>((resolve) => {
      cancelQueued = resolve;
    });
    const onCancel = () => {
      controller.abort(cancel?.reason);
      // Whoever waits in line need not wait for those before only to hear that it is over.
      if (!running.isStarted && !this.#isClosing) cancelQueued(endQueued(this.#host, record, cancelledError()));
    };
    const running: { -readonly [K in keyof Running]?: Running[K] } & { isStarted: boolean } = {
      controller,
      isStarted: false,
    };
    if (cancel?.aborted) onCancel();
    cancel?.addEventListener('abort', onCancel, { once: true });
    const turn = this.#stages.run(record.stageKey, async () => {
      if (this.#isClosing) return err<Deployment, DeployError>(closed());
      if (controller.signal.aborted) return cancelled;
      running.isStarted = true;
      return this.#run(record, controller.signal);
    });
    const result = Promise.race([turn, cancelled])
      .catch((thrown: unknown) => err<Deployment, DeployError>(bug(thrown)))
      .finally(() => {
        cancel?.removeEventListener('abort', onCancel);
        this.#running.delete(record.id);
      });
    running.result = result;
    this.#running.set(record.id, running as Running);
    return result;
  }

  async #run(record: DeploymentRecord, signal: AbortSignal): Promise<Result<Deployment, DeployError>> {
    const host = this.#host;
    const outcome = await guard(() => runDeployment(host, { value: record, version: 1 }, signal));
    if (outcome.isOk()) {
      this.#onTasks(outcome.value.tasks);
      const { deployment, error } = outcome.value;
      return error ? err({ ...error, deployment }) : ok(deployment);
    }
    const { error } = outcome;
    // Somebody else has taken it up: its end is theirs to tell.
    if (error.kind === 'store-conflict' && 'id' in error && error.id === record.id)
      return followResult(host, record.id, signal);
    const isAborted = error.kind === 'aborted' && signal.aborted;
    if (isAborted && this.#isClosing) return err(error);
    // It never held the stage: it ends where it stands, in the queue.
    return endQueued(host, record, isAborted ? cancelledError() : error);
  }
}

function queuedRecord(host: Host, { kind, request, env }: Submission): ResultAsync<DeploymentRecord, AnyError> {
  return routine(async function* () {
    const sealed = yield* sealOverrides(host, env);
    const now = host.clock.now();
    const { project, stage, tag } = request;
    return ok<DeploymentRecord, AnyError>({
      id: host.ids.next(now),
      project,
      stage,
      stageKey: stageKey(project, stage),
      tag,
      kind,
      status: 'queued',
      cleanup: 'none',
      request: { ...request, policy: 'queue', running: 'finish', env: sealed },
      queuedAt: now,
      startedAt: null,
      endedAt: null,
      digest: null,
      steps: [],
      instance: null,
      previous: null,
      error: null,
      host: host.id,
      group: null,
      needsHost: null,
      supersededBy: null,
      identities: null,
      left: [],
      writeId: host.ids.next(now),
    });
  });
}

const cancelledError = (): AnyError =>
  failure('cancelled', 'The deployment was cancelled before it began.', 'Deploy again if it is still wanted.');

/** Ends what is still queued. Of what has begun the end is with whoever settles its stage: here the error is all there is to say. */
async function endQueued(
  host: Host,
  queued: DeploymentRecord,
  error: AnyError,
): Promise<Result<Deployment, DeployError>> {
  const { signal } = new AbortController();
  const stored = storedError(error, redactor([]));
  const status = error.kind === 'cancelled' ? 'cancelled' : 'failed';
  const end = routine(async function* () {
    const current = yield* host.store.get('deployments', queued.id, { signal });
    if (!current || isTerminal(current.value.status)) return followResult(host, queued.id, signal);
    if (current.value.status !== 'queued') return err<Deployment, DeployError>(error);
    const record: DeploymentRecord = {
      ...current.value,
      status,
      endedAt: host.clock.now(),
      error: stored,
      writeId: host.ids.next(host.clock.now()),
    };
    const deployment = deploymentView(record);
    const entries = eventEntries(host, [{ type: `deployment.${status}`, payload: { deployment, error: stored } }]);
    const change: Change = { op: 'put', collection: 'deployments', record, version: current.version };
    yield* confirmed(host.clock, host.store.commit([change, ...appendEvents(entries)], { signal }), (own) =>
      host.store
        .get('deployments', queued.id, { signal: own })
        .map((stands) => stands?.value.writeId === record.writeId),
    );
    emitEvents(host.hub, entries);
    return err<Deployment, DeployError>({ ...error, deployment });
  });
  const ended = await end;
  // What could not be written down stays queued; the reader is owed the error that came first.
  return ended.isErr() && !('deployment' in ended.error) ? err(error) : ended;
}

/** Waits until the store says that it has ended. */
export function followResult(host: Host, id: string, signal: AbortSignal): ResultAsync<Deployment, DeployError> {
  return routine(async function* () {
    const news = storeNews(host);
    try {
      for (;;) {
        const stored = yield* host.store.get('deployments', id, { signal });
        if (!stored) return err<Deployment, DeployError>(unknownDeployment(id));
        if (isTerminal(stored.value.status)) return verdict(stored.value);
        await news.next(signal);
        if (signal.aborted) return err<Deployment, DeployError>(aborted('Waiting for the result', signal.reason));
      }
    } finally {
      news.end();
    }
  });
}

function verdict(record: DeploymentRecord): Result<Deployment, DeployError> {
  const deployment = deploymentView(record);
  if (record.status === 'succeeded' || record.status === 'unchanged') return ok(deployment);
  const error: AnyError = record.error
    ? revivedError(record.error)
    : failure('interrupted', `The deployment was ${record.status}.`, 'Deploy again if it is still wanted.', {
        retryable: true,
      });
  return err({ ...error, deployment });
}
