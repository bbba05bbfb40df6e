/** The other ending: what was begun is taken back, and the deployment is terminal with the first error, whatever became of the undo. */
import { err, ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { JournalEntry, StoredError, TaskRecord } from '../domain/records.js';
import type { Deployment } from '../domain/views.js';
import type { EventDraft } from '../events/types.js';
import { routine } from '../kernel/routine.js';
import { storedError } from '../kernel/stored-error.js';
import type { Change } from '../ports/store.js';
import { cancelSettled } from './cancel.js';
import type { Flow } from './flow.js';
import type { Ledger } from './ledger.js';
import { releaseHeld, undoSteps } from './run-steps.js';
import { KNOWN_STEPS } from './steps/index.js';
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
    const undone = await undoSteps(KNOWN_STEPS, flow, new AbortController().signal);
    if (undone.isErr()) {
      ledger.log('error', `Undoing stopped: ${undone.error.message} ${undone.error.hint}`);
      // The new holder of the stage has the journal, and goes on there.
      if (undone.error.kind === 'lease-lost') return err(undone.error);
    }
    return await endFailed(flow.host, ledger, stored);
  });
}

/** The terminal commit of a deployment that did not make it. What its journal still has becomes a task. */
export function endFailed(
  host: Flow['host'],
  ledger: Ledger,
  stored: StoredError,
): ResultAsync<readonly TaskRecord[], AnyError> {
  return routine(async function* () {
    const { draft, tasks } = failedEnding(host, ledger, stored);
    ledger.step = null;
    if (tasks.length > 0) ledger.log('error', `Left to undo: ${draft.record.left.join(', ')}. It is tried again.`);
    else ledger.log('info', 'Everything it made is gone again.');
    yield* ledger.commitFreeing([ledger.lease], draft);
    return ok<readonly TaskRecord[], AnyError>(tasks);
  });
}

/** What the terminal commit writes of a deployment that failed: what its journal still has is tried again, also where nobody deploys any more. */
export function failedEnding(host: Flow['host'], ledger: Ledger, stored: StoredError) {
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
  const draft = {
    record: {
      status,
      endedAt: now,
      error: stored,
      cleanup: open.length > 0 ? ('pending' as const) : ('none' as const),
      left: open.map(leftText),
    },
    ...(open.length > 0 ? {} : { journal: null }),
    changes: [cancelSettled(id), ...tasks.map((task): Change => ({ op: 'insert', collection: 'tasks', record: task }))],
    events: (deployment: Deployment): EventDraft[] => [
      { type: `deployment.${status}`, payload: { deployment, error: stored } },
    ],
  };
  return { draft, tasks };
}

/** What an open entry may have left, for people. */
export const leftText = (entry: JournalEntry): string => {
  const intent = entry.intent as Record<string, unknown> | null;
  const what = intent && (intent['container'] ?? intent['reference'] ?? intent['next']);
  return typeof what === 'string' ? `${entry.step} (${what})` : entry.step;
};
