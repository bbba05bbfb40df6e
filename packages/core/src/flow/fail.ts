/** The other ending: what was begun is taken back, and the deployment is terminal with the first error, whatever became of the undo. */
import { err, errAsync, ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { JournalEntry, JournalRecord, StoredError, TaskRecord } from '../domain/records.js';
import type { Deployment } from '../domain/views.js';
import type { EventDraft } from '../events/types.js';
import type { Lease } from '../kernel/held-lease.js';
import { routine } from '../kernel/routine.js';
import { storedError } from '../kernel/stored-error.js';
import type { Change } from '../ports/store.js';
import { cancelSettled } from './cancel.js';
import type { Flow } from './flow.js';
import type { Draft, Ledger } from './ledger.js';
import { releaseHeld, undoSteps } from './run-steps.js';
import { knownSteps } from './steps/index.js';
import { undoTask } from './tasks.js';

/** Rolls back and ends. Under a signal of its own: the deployment's may be aborted, and nothing could be undone under that. */
export function rollBackAndFail(flow: Flow, error: AnyError): ResultAsync<readonly TaskRecord[], AnyError> {
  const { ledger } = flow;
  return routine(async function* () {
    const stored = storedError(error, ledger.redactor);
    releaseHeld(flow);
    yield* ledger.commit({
      record: { status: 'rolling-back', error: stored },
      events: (deployment): EventDraft[] => [
        { type: 'deployment.rolling-back', payload: { deployment, error: stored } },
      ],
    });
    ledger.log('error', `${stored.message} ${stored.hint}`, stored.details ?? null);
    const undone = await undoSteps(knownSteps(flow.host), flow, new AbortController().signal);
    if (undone.isErr()) {
      ledger.log('error', `Undoing stopped: ${undone.error.message} ${undone.error.hint}`);
      // The new holder of the stage has the journal, and goes on there.
      if (undone.error.kind === 'lease-lost') return err(undone.error);
    }
    return await endFailed(flow.host, ledger, stored, flow.held);
  });
}

/** The terminal commit of a deployment that did not make it. What its journal still has becomes a task. */
export function endFailed(
  host: Flow['host'],
  ledger: Ledger,
  stored: StoredError,
  held: readonly Lease[] = [],
): ResultAsync<readonly TaskRecord[], AnyError> {
  return routine(async function* () {
    const { draft, tasks } = failedEnding(host, ledger, stored);
    yield* endFreeing(ledger, [ledger.lease], held, draft);
    return ok<readonly TaskRecord[], AnyError>(tasks);
  });
}

/** Frees with it what the undo has held. That somebody else has some of it by now is no reason not to end. */
export const endFreeing = (ledger: Ledger, freed: readonly Lease[], held: readonly Lease[], draft: Draft) =>
  ledger.commitFreeing([...freed, ...held], draft).orElse((error) => {
    const isTaken = held.length > 0 && error.kind === 'store-conflict' && error.collection === 'leases';
    return isTaken ? ledger.commitFreeing(freed, draft) : errAsync(error);
  });

/**
 * What the terminal commit writes of a deployment that failed: what its journal still has is tried again, also where nobody deploys any
 * more.
 * @param needsHost why this host cannot go on with it; null: it can
 */
export function failedEnding(host: Flow['host'], ledger: Ledger, stored: StoredError, needsHost: string | null = null) {
  const { journal, record } = ledger;
  const { id, stageKey } = record;
  const open = journal?.entries ?? [];
  const now = host.clock.now();
  const status = stored.kind === 'cancelled' ? ('cancelled' as const) : ('failed' as const);
  const tasks =
    journal && open.length > 0
      ? [
          undoTask({
            id: host.ids.next(now),
            now,
            stageKey,
            deployment: id,
            identities: journal.identities,
            subject: id,
          }),
        ]
      : [];
  const left = leftTexts(journal);
  ledger.step = null;
  if (tasks.length > 0) ledger.log('error', `Left to undo: ${left.join(', ')}. It is tried again.`);
  else ledger.log('info', 'Everything it made is gone again.');
  const draft = {
    record: {
      status,
      endedAt: now,
      error: stored,
      cleanup: open.length > 0 ? ('pending' as const) : ('none' as const),
      left,
      needsHost,
    },
    ...(open.length > 0 ? {} : { journal: null }),
    changes: [cancelSettled(id), ...tasks.map((task): Change => ({ op: 'insert', collection: 'tasks', record: task }))],
    events: (deployment: Deployment): EventDraft[] => [
      { type: `deployment.${status}`, payload: { deployment, error: stored } },
      ...needsHostEvents(deployment, record.needsHost),
    ],
  };
  return { draft, tasks };
}

/** Told once per reason. */
export const needsHostEvents = (deployment: Deployment, before: string | null): EventDraft[] =>
  deployment.needsHost === null || deployment.needsHost === before
    ? []
    : [{ type: 'deployment.needs-host', payload: { deployment, reason: deployment.needsHost } }];

/** What a journal may have left in the world, for people: newest first, as it is taken back. */
export const leftTexts = (journal: JournalRecord | null): string[] => [
  ...new Set((journal?.entries ?? []).toReversed().flatMap(leftOf)),
];

function leftOf({ step, intent }: JournalEntry): readonly string[] {
  const named = (intent ?? {}) as {
    readonly container?: string;
    readonly networks?: readonly string[];
    readonly reference?: string;
    readonly present?: boolean;
    readonly domains?: readonly string[];
    readonly routes?: readonly { readonly domain: string }[];
    readonly moves?: readonly { readonly domain: string; readonly previous: string | null }[];
  };
  switch (step) {
    case 'claim':
      return (named.domains ?? []).map((domain) => `domain ${domain}, claimed`);
    case 'pull':
      return named.present === false ? [`image ${named.reference}`] : [];
    case 'stop-previous':
      return named.container ? [`container ${named.container}, stopped: to be started again`] : [];
    case 'create':
      return [
        `container ${named.container}`,
        ...(named.networks ?? []).map((name) => `network ${name}, if it is ours`),
      ];
    case 'route':
      return (named.routes ?? []).map(({ domain }) => `route ${domain}`);
    case 'cutover':
      return (named.moves ?? []).map(({ domain, previous }) =>
        previous === null ? `route ${domain}` : `route ${domain}, to lead back to instance ${previous}`,
      );
    case 'start':
    case 'connect':
    case 'health':
      return [];
    default:
      return [`step ${step}`];
  }
}
