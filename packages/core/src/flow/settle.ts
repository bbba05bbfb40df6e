/**
 * Settling a stage: who takes its lease finds out what those before have left, and ends it. Whatever of the stage is still called
 * running is dead, because its holder would hold the lease.
 */
import { ok, type ResultAsync } from 'neverthrow';
import { type AnyError, failure, type TaggedError } from '../domain/errors.js';
import { type DeploymentRecord, type Identities, isTerminal, type JournalRecord } from '../domain/records.js';
import type { EventDraft } from '../events/types.js';
import type { Lease } from '../kernel/lease.js';
import { redactor } from '../kernel/redactor.js';
import { routine } from '../kernel/routine.js';
import { storedError } from '../kernel/stored-error.js';
import type { Change, Stored } from '../ports/store.js';
import { askedToCancel } from './cancel.js';
import { failedEnding } from './fail.js';
import { containerRef, makeFlow } from './flow.js';
import type { Host } from './host.js';
import { Ledger } from './ledger.js';
import { releaseHeld, undoSteps } from './run-steps.js';
import { KNOWN_STEPS } from './steps/index.js';

const interrupted = (): TaggedError<'interrupted'> =>
  failure(
    'interrupted',
    'The host that ran it ended before its commit.',
    'Deploy again; what it had begun is undone.',
    { retryable: true },
  );

/**
 * Undoes what open journals of the stage name, and ends their deployments.
 * @param own the deployment that the lease was taken for: the one that is rightly called running
 * @returns ids of deployments whose undo could not be finished; their journals stay
 */
export function settleStage(
  host: Host,
  stageKey: string,
  lease: Lease,
  identities: Identities,
  own: string | null,
  signal: AbortSignal,
): ResultAsync<readonly string[], AnyError> {
  return routine(async function* () {
    const unfinished: string[] = [];
    const journals = yield* host.store.list('journals', { where: { stageKey }, order: 'desc' }, { signal });
    for (const journal of journals) {
      const record = yield* host.store.get('deployments', journal.value.id, { signal });
      if (!record) continue;
      const settled = await settleOne(host, record, journal, lease, identities, signal);
      if (settled.isErr()) return settled.map(() => unfinished);
      if (!settled.value) unfinished.push(record.value.id);
    }
    // Those that died before they had anything to undo.
    for (const status of ['running', 'rolling-back'] as const) {
      const dead = yield* host.store.list('deployments', { where: { stageKey, status } }, { signal });
      for (const record of dead) {
        if (record.value.id === own || unfinished.includes(record.value.id)) continue;
        yield* endInterrupted(host, new Ledger(host, record, undefined, lease, redactor([])));
      }
    }
    return ok<readonly string[], AnyError>(unfinished);
  });
}

/** One deployment's open journal. Answers whether nothing of it is left. */
function settleOne(
  host: Host,
  record: Stored<DeploymentRecord>,
  journal: Stored<JournalRecord>,
  lease: Lease,
  identities: Identities,
  signal: AbortSignal,
): ResultAsync<boolean, AnyError> {
  return routine(async function* () {
    const { id } = record.value;
    const made = journal.value.identities;
    const ledger = new Ledger(host, record, journal, lease, redactor([]));
    // Another engine's containers are not gone because they are not in ours.
    const isElsewhere = made.runtime !== identities.runtime || (made.proxy !== null && made.proxy !== identities.proxy);
    const spec = yield* host.store.get('specs', id, { signal });
    if (!isElsewhere && spec) {
      const flow = makeFlow({
        host,
        ledger,
        spec: spec.value.spec,
        env: {},
        // Of a cutover alone the journal names nothing that was created, and the target is the one it led to.
        target: targetOf(host, journal.value) ?? containerRef(host, spec.value.spec, id),
        previous: null,
      });
      ledger.log(
        'warn',
        isTerminal(record.value.status)
          ? 'Undoing what is left of it.'
          : 'The host that ran it is gone: undoing what it had begun.',
      );
      const undone = await undoSteps(KNOWN_STEPS, flow, signal);
      releaseHeld(flow);
      await flow.releasing;
      if (undone.isErr()) {
        if (undone.error.kind === 'lease-lost' || undone.error.kind === 'aborted') {
          await ledger.close();
          return undone.map(() => false);
        }
        ledger.log('error', `Undoing stopped: ${undone.error.message} ${undone.error.hint}`);
      }
    }
    const isClean = (ledger.journal?.entries.length ?? 0) === 0;
    if (!isTerminal(record.value.status)) yield* endInterrupted(host, ledger);
    else yield* clean(host, ledger, isClean);
    return ok<boolean, AnyError>(isClean);
  });
}

function targetOf(host: Host, journal: JournalRecord) {
  const entry = journal.entries.find(({ step }) => step === 'cutover');
  const next = (entry?.intent as { readonly next?: string } | undefined)?.next;
  if (next === undefined || next === journal.id) return undefined;
  return { name: '', owner: { storeId: host.storeId, deployment: next } };
}

/** Ends a deployment whose host died. What could not be undone stays in its journal. */
function endInterrupted(host: Host, ledger: Ledger): ResultAsync<void, AnyError> {
  return routine(async function* () {
    const asked = yield* askedToCancel(host, ledger.record.id, { signal: ledger.lease.lost });
    // One that was being rolled back ends as what it was rolled back for.
    const stored = ledger.record.error ?? storedError(asked ?? interrupted(), ledger.redactor);
    return ledger.commit(failedEnding(host, ledger, stored).draft);
  });
}

/** The late end of a rollback whose deployment is terminal already: its cleanup, the event for it, and its task. */
function clean(host: Host, ledger: Ledger, isClean: boolean): ResultAsync<void, AnyError> {
  return routine(async function* () {
    if (!isClean) return ledger.commit({});
    const tasks = yield* host.store.list(
      'tasks',
      { where: { deployment: ledger.record.id } },
      { signal: ledger.lease.lost },
    );
    return ledger.commit({
      record: { cleanup: 'done', left: [] },
      journal: null,
      changes: tasks
        .filter(({ value }) => value.kind === 'undo')
        .map(({ value }): Change => ({ op: 'remove', collection: 'tasks', id: value.id })),
      events: (deployment): EventDraft[] => [{ type: 'deployment.cleaned', payload: { deployment } }],
    });
  });
}
