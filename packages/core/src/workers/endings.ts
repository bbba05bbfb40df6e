/** How a deployment ends that never began: in one commit, by whoever says so, while its record is as it was seen. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type { DeploymentRecord, LogEntry } from '../domain/records.js';
import { deploymentView } from '../domain/views.js';
import { type Audited, UNASKED } from '../events/audit.js';
import { appendEvents, emitEvents, eventEntries } from '../events/drafts.js';
import { type EventDraft, logStream } from '../events/types.js';
import type { Host } from '../flow/host.js';
import { confirmed } from '../kernel/confirm.js';
import { routine } from '../kernel/routine.js';
import { storedError } from '../kernel/stored-error.js';
import type { Change, Stored } from '../ports/store.js';

export interface QueuedEnd {
  readonly status: 'cancelled' | 'failed' | 'superseded' | 'abandoned';
  readonly error: AnyError;
  /** Of `superseded`. */
  readonly by?: string;
  /** Where somebody asked for it: what the audit trail says. */
  readonly asked?: Audited;
}

export interface QueuedEnding {
  readonly record: DeploymentRecord;
  readonly changes: readonly Change[];
  readonly event: EventDraft;
}

/** What ends it: its record, its log's last line, and the event. */
export function queuedEnding(
  host: Host,
  { value, version }: Stored<DeploymentRecord>,
  { status, error, by }: QueuedEnd,
): QueuedEnding {
  const stored = storedError(error, host.secrets.redactor());
  const now = host.clock.now();
  const record: DeploymentRecord = {
    ...value,
    status,
    endedAt: now,
    error: stored,
    supersededBy: by ?? null,
    writeId: host.ids.next(now),
  };
  const deployment = deploymentView(record);
  const level = status === 'failed' ? 'error' : 'warn';
  return {
    record,
    changes: [
      { op: 'put', collection: 'deployments', record, version },
      logLine(host, record.id, level, `${stored.message} ${stored.hint}`),
    ],
    event:
      status === 'failed' || status === 'cancelled'
        ? { type: `deployment.${status}`, payload: { deployment, error: stored } }
        : { type: `deployment.${status}`, payload: { deployment } },
  };
}

/** A line of a deployment's log, of one that no ledger is open for. */
export function logLine(host: Pick<Host, 'clock'>, id: string, level: LogEntry['level'], message: string): Change {
  const entry: Omit<LogEntry, 'seq'> = { time: host.clock.now(), level, step: null, message, data: null };
  return { op: 'append', stream: logStream(id), entries: [entry as unknown as Json] };
}

/**
 * Ends what is queued.
 * @returns its record as it is then; one that has begun or ended meanwhile is left as it is
 */
export function endQueued(
  host: Host,
  id: string,
  end: QueuedEnd,
  signal: AbortSignal,
): ResultAsync<DeploymentRecord | undefined, AnyError> {
  return routine(async function* () {
    for (;;) {
      const stored = yield* host.store.get('deployments', id, { signal });
      if (stored?.value.status !== 'queued') return ok<DeploymentRecord | undefined, AnyError>(stored?.value);
      const ended = yield* endAs(host, stored, end, signal);
      if (ended) return ok<DeploymentRecord | undefined, AnyError>(ended);
    }
  });
}

/** Ends it as it was seen; undefined where somebody was quicker. */
export function endAs(
  host: Host,
  queued: Stored<DeploymentRecord>,
  end: QueuedEnd,
  signal: AbortSignal,
): ResultAsync<DeploymentRecord | undefined, AnyError> {
  const { record, changes, event } = queuedEnding(host, queued, end);
  const { asked = UNASKED } = end;
  return writeQueued(host, record, [...changes, ...asked.changes], [event, ...asked.events], signal);
}

/** @returns the record; undefined where it is another one by now */
export function writeQueued(
  host: Host,
  record: DeploymentRecord,
  changes: readonly Change[],
  events: readonly EventDraft[],
  signal: AbortSignal,
): ResultAsync<DeploymentRecord | undefined, AnyError> {
  const entries = eventEntries(host, events);
  return routine(async function* () {
    const written = await confirmed(
      host,
      host.store.commit([...changes, ...appendEvents(entries)], { signal }),
      (own) =>
        host.store
          .get('deployments', record.id, { signal: own })
          .map((stored) => stored?.value.writeId === record.writeId),
    );
    if (written.isErr() && written.error.kind === 'store-conflict') return ok(undefined);
    yield* written;
    emitEvents(host.hub, entries);
    return ok<DeploymentRecord | undefined, AnyError>(record);
  });
}
