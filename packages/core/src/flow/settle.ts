/**
 * Settling a stage: who takes its lease finds out what those before have left, and ends it. Whatever of the stage is still called
 * running is dead, because its holder would hold the lease.
 */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { type AnyError, failure, type TaggedError } from '../domain/errors.js';
import {
  type DeploymentRecord,
  type Identities,
  isTerminal,
  type JournalRecord,
  type TerminalStatus,
} from '../domain/records.js';
import type { EventDraft } from '../events/types.js';
import type { Lease } from '../kernel/held-lease.js';
import { routine } from '../kernel/routine.js';
import { storedError } from '../kernel/stored-error.js';
import type { Change, Stored } from '../ports/store.js';
import { askedToCancel } from './cancel.js';
import { endFreeing, failedEnding, leftTexts, needsHostEvents } from './fail.js';
import { containerRef, type Flow, makeFlow } from './flow.js';
import type { Host } from './host.js';
import { redactorOf } from './known-secrets.js';
import { Ledger } from './ledger.js';
import { releaseHeld, UNKNOWN_STEP, undoSteps } from './run-steps.js';
import { knownSteps } from './steps/index.js';

const interrupted = (): TaggedError<'interrupted'> =>
  failure(
    'interrupted',
    'The host that ran it ended before its commit.',
    'Deploy again; what it had begun is undone.',
    { retryable: true },
  );

/** What became of a stage's deployments. Ids are of deployments. */
export interface Settlement {
  /** Nothing is left of them. */
  readonly settled: { readonly deployment: string; readonly status: TerminalStatus }[];
  /** Their undo could not be finished: their journals stay, and it is tried again. */
  readonly unfinished: string[];
  /** Theirs neither, and this host cannot. */
  readonly needsHost: { readonly deployment: string; readonly reason: string }[];
}

/**
 * Undoes what open journals of the stage name, the newest first, and ends their deployments.
 * @param identities of this host's ports; null: they could not be asked, and nothing is undone now
 * @param own the deployment that the lease was taken for: the one that is rightly called running
 */
export function settleStage(
  host: Host,
  stageKey: string,
  lease: Lease,
  identities: Identities | null,
  own: string | null,
  signal: AbortSignal,
): ResultAsync<Settlement, AnyError> {
  return routine(async function* () {
    const found: Settlement = { settled: [], unfinished: [], needsHost: [] };
    const journals = yield* host.store.list('journals', { where: { stageKey }, order: 'desc' }, { signal });
    for (const journal of journals) {
      const record = yield* host.store.get('deployments', journal.value.id, { signal });
      if (!record) continue;
      const needs = identities && neededHost(journal.value.identities, identities);
      // What a newer deployment has left may hold up what an older one has: after a failed undo nothing earlier is touched.
      const mayUndo = identities !== null && needs === null && found.unfinished.length === 0;
      const end = yield* settleOne(host, record, journal, lease, needs, mayUndo, signal);
      const deployment = record.value.id;
      if (end.reason !== null) found.needsHost.push({ deployment, reason: end.reason });
      else if (end.isClean) found.settled.push({ deployment, status: end.status });
      else found.unfinished.push(deployment);
    }
    // Those that died before they had anything to undo.
    for (const status of ['running', 'rolling-back'] as const) {
      const dead = yield* host.store.list('deployments', { where: { stageKey, status } }, { signal });
      for (const record of dead) {
        if (record.value.id === own) continue;
        const ledger = new Ledger(host, record, undefined, lease, host.secrets.redactor());
        yield* endInterrupted(host, ledger, null);
        found.settled.push({ deployment: record.value.id, status: ledger.record.status as TerminalStatus });
      }
    }
    return ok<Settlement, AnyError>(found);
  });
}

/**
 * Which host it takes to go on with what was made through these ports, where it is not this one: another engine's containers are not gone
 * because they are not in ours. The same words from every host, so that each reason is told once.
 */
export function neededHost(made: Identities, here: Identities): string | null {
  if (made.runtime !== here.runtime) return `It takes a host with the engine ${made.runtime}.`;
  return made.proxy !== null && made.proxy !== here.proxy ? `It takes a host with the proxy ${made.proxy}.` : null;
}

interface End {
  readonly isClean: boolean;
  readonly reason: string | null;
  readonly status: TerminalStatus;
}

/** One deployment's open journal. */
function settleOne(
  host: Host,
  record: Stored<DeploymentRecord>,
  journal: Stored<JournalRecord>,
  lease: Lease,
  needs: string | null,
  mayUndo: boolean,
  signal: AbortSignal,
): ResultAsync<End, AnyError> {
  const wasTerminal = isTerminal(record.value.status);
  const ledger = new Ledger(host, record, journal, lease, host.secrets.redactor());
  return routine(async function* () {
    const begun = mayUndo ? await flowOf(host, ledger, journal.value, signal) : ok(null);
    const flow = begun.unwrapOr(null);
    const held = flow?.held ?? [];
    try {
      // Where nothing is tried, nothing has become better.
      let reason = needs ?? (mayUndo ? null : record.value.needsHost);
      if (mayUndo) {
        const undone: Result<unknown, AnyError> = flow ? await undo(flow, signal) : begun;
        if (undone.isErr()) {
          const { error } = undone;
          if (error.kind === 'lease-lost') return err(error);
          // Broken off: what was undone, and what may still happen, is written down before anybody else goes on.
          if (signal.aborted) {
            yield* ledger.commit({});
            return err(error);
          }
          reason = needsStep(error);
          // Its task says so each time that it is tried again.
          ledger.redactor = await redactorOf(host, record.value, signal);
          if (!wasTerminal) ledger.log('error', `Undoing stopped: ${error.message} ${error.hint}`);
        }
      }
      const isClean = (ledger.journal?.entries.length ?? 0) === 0;
      if (wasTerminal) yield* clean(host, ledger, journal.value, reason, held);
      else yield* endInterrupted(host, ledger, reason, held);
      return ok<End, AnyError>({ isClean, reason, status: ledger.record.status as TerminalStatus });
    } finally {
      if (flow) releaseHeld(flow);
      await flow?.releasing;
      await ledger.close();
    }
  });
}

/** Null: what it was to be was never stored, and nothing was begun. */
function flowOf(
  host: Host,
  ledger: Ledger,
  journal: JournalRecord,
  signal: AbortSignal,
): ResultAsync<Flow | null, AnyError> {
  const { id } = ledger.record;
  return host.store.get('specs', id, { signal }).map((stored) => {
    if (!stored) return null;
    const { spec } = stored.value;
    // Of a cutover alone the journal names nothing that was created, and the target is the one it led to.
    const target = targetOf(host, journal) ?? containerRef(host, spec, id);
    return makeFlow({ host, ledger, spec, env: {}, target, previous: null });
  });
}

function undo(flow: Flow, signal: AbortSignal): ResultAsync<void, AnyError> {
  if (!isTerminal(flow.ledger.record.status))
    flow.log('warn', 'The host that ran it is gone: undoing what it had begun.');
  return undoSteps(knownSteps(flow.host), flow, signal);
}

/** An undo that failed because this host does not know the step, in its version. */
const needsStep = (error: AnyError): string | null =>
  error.kind === 'unsupported' && error.code === UNKNOWN_STEP ? error.message : null;

function targetOf(host: Host, journal: JournalRecord) {
  const entry = journal.entries.find(({ step }) => step === 'cutover');
  const next = (entry?.intent as { readonly next?: string } | undefined)?.next;
  if (next === undefined || next === journal.id) return undefined;
  return { name: '', owner: { storeId: host.storeId, deployment: next } };
}

/** Ends a deployment whose host died. What could not be undone stays in its journal. */
function endInterrupted(
  host: Host,
  ledger: Ledger,
  needsHost: string | null,
  held: readonly Lease[] = [],
): ResultAsync<void, AnyError> {
  return routine(async function* () {
    const asked = yield* askedToCancel(host, ledger.record.id, { signal: ledger.lease.lost });
    // One that was being rolled back ends as what it was rolled back for.
    const known = ledger.record.error;
    const stored = known ?? storedError(asked ?? interrupted(), ledger.redactor);
    if (!known) ledger.log('error', `${stored.message} ${stored.hint}`);
    return endFreeing(ledger, [], held, failedEnding(host, ledger, stored, needsHost).draft);
  });
}

/** The late end of a rollback whose deployment is terminal already: its cleanup, the event for it, and its task. */
function clean(
  host: Host,
  ledger: Ledger,
  before: JournalRecord,
  needsHost: string | null,
  held: readonly Lease[],
): ResultAsync<void, AnyError> {
  const { journal, record } = ledger;
  return routine(async function* () {
    if (journal && journal.entries.length > 0) {
      // Looked at again and again while an engine is down: nothing new is nothing to write.
      if (journal.entries === before.entries && record.needsHost === needsHost) return ok(undefined);
      return ledger.commit({
        record: { left: leftTexts(journal), needsHost },
        events: (deployment) => needsHostEvents(deployment, record.needsHost),
      });
    }
    const tasks = yield* host.store.list('tasks', { where: { deployment: record.id } }, { signal: ledger.lease.lost });
    return endFreeing(ledger, [], held, {
      record: { cleanup: 'done', left: [], needsHost: null },
      journal: null,
      changes: tasks
        .filter(({ value }) => value.kind === 'undo')
        .map(({ value }): Change => ({ op: 'remove', collection: 'tasks', id: value.id })),
      events: (deployment): EventDraft[] => [{ type: 'deployment.cleaned', payload: { deployment } }],
    });
  });
}
