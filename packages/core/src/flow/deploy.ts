/**
 * One deployment, from its lease to its terminal status:
 *
 *   lease → settle what others left → resolve → claim → steps → commit
 *                                        └──error──▶ undo, newest first → terminal
 */
import { err, ok, type ResultAsync } from 'neverthrow';
import { DEPLOY_MS } from '../config/resolve.js';
import { type AnyError, aborted, timedOut } from '../domain/errors.js';
import { type DeploymentRecord, type InstanceRecord, isTerminal, type TaskRecord } from '../domain/records.js';
import { type Deployment, instanceView } from '../domain/views.js';
import type { EventDraft } from '../events/types.js';
import type { Lease } from '../kernel/held-lease.js';
import type { LeaseHolder } from '../kernel/lease.js';
import { guard, routine } from '../kernel/routine.js';
import { type Scope, scope } from '../kernel/scope.js';
import { redactedError, storedError } from '../kernel/stored-error.js';
import { releaseAll } from '../kernel/under-leases.js';
import type { CallOptions } from '../ports/call.js';
import type { Change, Stored } from '../ports/store.js';
import { cancelled, noCancel, orCancelled } from './cancel.js';
import { endFailed, rollBackAndFail } from './fail.js';
import type { Flow } from './flow.js';
import type { Host } from './host.js';
import { redactorOfRequest } from './known-secrets.js';
import { Ledger } from './ledger.js';
import { type Plan, prepare } from './prepare.js';
import { LookAhead, type Resolution } from './resolve.js';
import { releaseHeld, runSteps } from './run-steps.js';
import type { Step } from './step.js';
import { succeed } from './succeed.js';

export interface Outcome {
  readonly deployment: Deployment;
  /** Null where it succeeded or nothing had to change. */
  readonly error: AnyError | null;
  readonly tasks: readonly TaskRecord[];
}

/** What ends a deployment from outside of its steps. */
interface Bounds {
  /** The caller's cancel. */
  readonly signal: AbortSignal;
  readonly lease: Lease;
  /** Both of them, and the time limit of the whole. */
  readonly whole: Scope;
}

export const stageLease = (stageKey: string): string => `stage:${stageKey}`;

/** A deployment that holds its stage's lease. */
export interface Begun {
  readonly stored: Stored<DeploymentRecord>;
  readonly lease: Lease;
}

/** Before it has its stage's lease. */
export interface Waiting {
  /** What was looked up for it already; default: it is looked up while the lease is taken. */
  readonly ahead: LookAhead | undefined;
  /** Ends the waiting, and nothing that comes after it. */
  readonly waiting: AbortSignal;
  onWait(holder: LeaseHolder): void;
  onStarted(): void;
}

/**
 * Runs a queued deployment. The error is of what kept it from being recorded (the store, a lost lease): a deployment that failed is
 * an outcome.
 */
export function runDeployment(
  host: Host,
  queued: Stored<DeploymentRecord>,
  signal: AbortSignal,
  { waiting, onWait, onStarted, ahead: known }: Waiting,
): ResultAsync<Outcome, AnyError> {
  return routine(async function* () {
    const started = startedRecord(host, queued.value);
    const ahead = known ?? new LookAhead(host, started.request, [signal]);
    const taken = await host.leases.take([stageLease(started.stageKey)], {
      signal: waiting,
      deployment: started.id,
      changes: () => [{ op: 'put', collection: 'deployments', record: started, version: queued.version }],
      onWait: (holder) => {
        ahead.forget();
        onWait(holder);
      },
    });
    if (taken.isErr()) ahead.forget();
    const [lease] = (yield* taken).leases;
    if (!lease) return err(aborted('Taking the lease'));
    onStarted();
    return runBegun(host, { stored: { value: started, version: queued.version + 1 }, lease }, ahead, signal);
  });
}

/** The record of a queued one as it begins here. */
export const startedRecord = (host: Host, queued: DeploymentRecord): DeploymentRecord => ({
  ...queued,
  status: 'running',
  startedAt: host.clock.now(),
  host: host.id,
  needsHost: null,
  writeId: host.ids.next(host.clock.now()),
});

/**
 * As `runDeployment`, of one that holds its lease already; it ends with that.
 * @param known what was looked up for it already
 */
export function runBegun(
  host: Host,
  { stored, lease }: Begun,
  known: LookAhead | undefined,
  signal: AbortSignal,
): ResultAsync<Outcome, AnyError> {
  return routine(async function* () {
    const ahead = known ?? new LookAhead(host, stored.value.request, [signal]);
    const ledger = new Ledger(host, stored, undefined, lease, host.secrets.redactor());
    ledger.note({ events: (deployment) => [{ type: 'deployment.started', payload: { deployment } }] });
    try {
      return await underLease(host, ledger, lease, ahead, signal);
    } finally {
      ahead.forget();
      await ledger.close();
      await releaseAll([lease]);
    }
  });
}

function underLease(
  host: Host,
  ledger: Ledger,
  lease: Lease,
  ahead: LookAhead,
  signal: AbortSignal,
): ResultAsync<Outcome, AnyError> {
  return guard(async () => {
    // Which limit the stage has is known when it is resolved.
    const whole = scope(host.clock, [signal, lease.lost], host.settings.deployTimeout ?? DEPLOY_MS);
    whole.signal.addEventListener('abort', () => ahead.forget(), { once: true });
    try {
      const ended = await prepareAndRun(host, ledger, ahead, { signal, lease, whole });
      // A commit that was broken off with the lease says only that it was.
      return ended.mapErr((error) =>
        error.kind === 'aborted' && lease.lost.aborted ? { ...(lease.lost.reason as AnyError), cause: error } : error,
      );
    } finally {
      whole.end();
    }
  });
}

function prepareAndRun(host: Host, ledger: Ledger, ahead: LookAhead, bounds: Bounds): ResultAsync<Outcome, AnyError> {
  const { lease, whole } = bounds;
  return guard(async () => {
    const before = ledger.redactor;
    const prepared = await prepare(host, ledger, lease, ahead, whole);
    if (prepared.isErr()) {
      // It failed before its environment was known; who failed may know it from the deployment before.
      if (ledger.redactor === before) ledger.redactor = await redactorOfRequest(host, ledger.record);
      const error = endingOf(prepared.error, bounds);
      if (error.kind === 'lease-lost') return err(error);
      return failed(host, ledger, error);
    }
    const plan = prepared.value;
    if (plan.mode === 'unchanged') {
      const unchanged = await endUnchanged(host, ledger, plan);
      if (unchanged.isOk() || lease.lost.aborted || isTerminal(ledger.record.status)) return unchanged;
      return failed(host, ledger, unchanged.error);
    }
    try {
      return await commitOrRollBack(ledger, plan, bounds);
    } finally {
      plan.flow.seen.looking?.end();
      releaseHeld(plan.flow);
      await plan.flow.releasing;
    }
  });
}

/** The end of one that has made nothing. */
function failed(host: Host, ledger: Ledger, error: AnyError): ResultAsync<Outcome, AnyError> {
  const stored = storedError(error, ledger.redactor);
  ledger.log('error', `${stored.message} ${stored.hint}`, stored.details ?? null);
  return endFailed(host, ledger, stored).map((tasks) => outcome(ledger, error, tasks));
}

/** What the caller gets is as free of secrets as what is stored. */
const outcome = (ledger: Ledger, error: AnyError | null, tasks: readonly TaskRecord[]): Outcome => ({
  deployment: ledger.view,
  error: error && redactedError(error, ledger.redactor),
  tasks,
});

function commitOrRollBack(
  ledger: Ledger,
  { flow, steps }: Exclude<Plan, { readonly mode: 'unchanged' }>,
  bounds: Bounds,
): ResultAsync<Outcome, AnyError> {
  return routine(async function* () {
    const ran = await runToCommit(flow, steps, bounds.whole.signal);
    if (ran.isOk()) {
      flow.host.extensions?.committed(flow);
      return ok<Outcome, AnyError>(outcome(ledger, null, ran.value));
    }
    const error = endingOf(ran.error, bounds);
    if (error.kind === 'lease-lost' || isTerminal(ledger.record.status)) return err(error);
    const tasks = yield* rollBackAndFail(flow, error)
      // What keeps it from being written down is told with what it would have been.
      .mapErr((unwritten) => ({ ...unwritten, cause: unwritten.cause ?? error }));
    return ok<Outcome, AnyError>(outcome(ledger, error, tasks));
  });
}

function runToCommit(
  flow: Flow,
  steps: readonly Step[],
  signal: AbortSignal,
): ResultAsync<readonly TaskRecord[], AnyError> {
  return routine(async function* () {
    yield* runSteps(steps, flow, signal);
    if (signal.aborted) return err(aborted('The deployment', signal.reason));
    return succeed(flow, flow.ledger.lease.lost);
  });
}

/**
 * What an error means for the whole: a lost lease, the time that was up, or a cancel. Whatever the call that was broken off says of it:
 * some answer an abort in their own words.
 */
function endingOf(error: AnyError, { signal, lease, whole }: Bounds): AnyError {
  if (lease.lost.aborted) return { ...(lease.lost.reason as AnyError) };
  const step = {
    ...(error.step === undefined ? {} : { step: error.step }),
    ...(error.kind === 'aborted' ? {} : { cause: error }),
  };
  if (whole.timedOut) return { ...timedOut('The deployment', whole.limitMs, 'deployTimeout'), ...step };
  if (!signal.aborted) return error;
  const reason = signal.reason as AnyError | undefined;
  return { ...(reason?.kind === 'cancelled' ? reason : cancelled('before its commit')), ...step };
}

/** Nothing to do: the deployment says so, and ends. */
function endUnchanged(
  host: Host,
  ledger: Ledger,
  { resolution: { draft }, target: instance, isHeld }: Extract<Plan, { readonly mode: 'unchanged' }>,
): ResultAsync<Outcome, AnyError> {
  const options = { signal: ledger.lease.lost };
  const { id } = instance;
  return routine(async function* () {
    const routes = yield* host.store.list('routes', { where: { instance: id } }, options);
    const domains = routes.map(({ value }) => value.id);
    const isPinned = (yield* host.store.get('pins', id, options)) !== undefined;
    const { changes, expiresAt } = yield* renewal(host, draft, instance, options);
    ledger.log('info', `${draft.tag} is live already, with the same image and the same configuration.`);
    const committed = ledger.commitFreeing([ledger.lease], {
      record: { status: 'unchanged', endedAt: host.clock.now(), instance: id, previous: id },
      changes,
      events: (deployment): EventDraft[] => {
        const view = instanceView({ ...instance, expiresAt }, domains, { isPinned, isHeld });
        return [{ type: 'deployment.unchanged', payload: { deployment, instance: view } }];
      },
      expect: [noCancel(ledger.record.id)],
    });
    yield* orCancelled(host, ledger.record.id, committed, { signal: ledger.lease.lost });
    return ok<Outcome, AnyError>(outcome(ledger, null, []));
  });
}

/** Its time to live begins anew: whoever deploys a preview again still wants it. */
function renewal(
  { clock, store }: Host,
  { ttlMs }: Resolution['draft'],
  instance: InstanceRecord,
  options: CallOptions,
): ResultAsync<{ readonly changes: readonly Change[]; readonly expiresAt: number | null }, AnyError> {
  const expiresAt = ttlMs === null ? null : clock.now() + ttlMs;
  return routine(async function* () {
    const stored = expiresAt === instance.expiresAt ? undefined : yield* store.get('instances', instance.id, options);
    if (!stored) return ok({ changes: [], expiresAt });
    const record: InstanceRecord = { ...stored.value, expiresAt };
    return ok({ changes: [{ op: 'put', collection: 'instances', record, version: stored.version }], expiresAt });
  });
}
