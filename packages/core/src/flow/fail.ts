/** The other ending: what was begun is taken back, and the deployment is terminal with the first error, whatever became of the undo. */
import { err, ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { JournalEntry, StoredError, TaskRecord } from '../domain/records.js';
import type { EventDraft } from '../events/types.js';
import { routine } from '../kernel/routine.js';
import { storedError } from '../kernel/stored-error.js';
import type { Change } from '../ports/store.js';
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
    return await endFailed(flow.host, ledger, error, stored);
  });
}

/** The terminal commit of a deployment that did not make it. What its journal still has becomes a task. */
export function endFailed(
  host: Flow['host'],
  ledger: Ledger,
  error: AnyError,
  stored: StoredError,
): ResultAsync<readonly TaskRecord[], AnyError> {
  return routine(async function* () {
    const open = ledger.journal?.entries ?? [];
    const now = host.clock.now();
    const { id, stageKey, identities } = ledger.record;
    const status = error.kind === 'cancelled' ? 'cancelled' : 'failed';
    const tasks: TaskRecord[] = [];
    if (open.length > 0 && identities) {
      tasks.push(undoTask({ id: host.ids.next(now), now, stageKey, deployment: id, identities, subject: id }));
    }
    ledger.step = null;
    ledger.log(
      open.length > 0 ? 'error' : 'info',
      open.length > 0
        ? `Left to undo: ${open.map(leftText).join(', ')}. It is tried again.`
        : 'Everything it made is gone again.',
    );
    yield* ledger.commitFreeing([ledger.lease], {
      record: {
        status,
        endedAt: now,
        error: stored,
        cleanup: open.length > 0 ? 'pending' : 'none',
        left: open.map(leftText),
      },
      ...(open.length > 0 ? {} : { journal: null }),
      changes: tasks.map((record): Change => ({ op: 'insert', collection: 'tasks', record })),
      events: (deployment): EventDraft[] => [
        status === 'cancelled'
          ? { type: 'deployment.cancelled', payload: { deployment, error: stored } }
          : { type: 'deployment.failed', payload: { deployment, error: stored } },
      ],
    });
    return ok<readonly TaskRecord[], AnyError>(tasks);
  });
}

/** What an open entry may have left, for people. */
export const leftText = (entry: JournalEntry): string => {
  const intent = entry.intent as Record<string, unknown> | null;
  const what = intent && (intent['container'] ?? intent['reference'] ?? intent['next']);
  return typeof what === 'string' ? `${entry.step} (${what})` : entry.step;
};
