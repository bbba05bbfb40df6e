/** What is said of a deployment after its end: its own ledger writes no more, and what it says is still owed to its log. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { LogEntry } from '../domain/records.js';
import { type Deployment, deploymentView } from '../domain/views.js';
import { appendEvents, emitEvents, eventEntries } from '../events/drafts.js';
import { type EventDraft, logStream } from '../events/types.js';
import type { Host } from '../flow/host.js';
import { routine } from '../kernel/routine.js';
import type { Change } from '../ports/store.js';

export interface Afterword {
  readonly entries: readonly Omit<LogEntry, 'seq'>[];
  readonly events: (deployment: Deployment) => readonly EventDraft[];
}

/** Its tasks write the same record meanwhile. */
const RACES_MAX = 20;

/** A log that is given up already stays so. */
export function addAfterword(
  host: Pick<Host, 'store' | 'hub' | 'clock' | 'ids'>,
  id: string,
  { entries, events }: Afterword,
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  const stream = logStream(id);
  return routine(async function* () {
    for (let race = 0; ; race += 1) {
      const stored = yield* host.store.get('deployments', id, { signal });
      if (!stored) return ok<void, AnyError>(undefined);
      const { value, version } = stored;
      const told = eventEntries(host, events(deploymentView(value)));
      const isKept = value.logPrunedAt === undefined && entries.length > 0;
      const changes: Change[] = [
        ...(isKept ? [{ op: 'append' as const, stream, entries: entries as never }] : []),
        ...appendEvents(told),
      ];
      if (changes.length === 0) return ok<void, AnyError>(undefined);
      const committed = await host.store.commit(changes, {
        signal,
        expect: [{ collection: 'deployments', id, version }],
      });
      if (committed.isErr() && committed.error.kind === 'store-conflict' && race < RACES_MAX) continue;
      const { sequences } = yield* committed;
      const first = sequences[stream];
      if (isKept && first !== undefined)
        entries.forEach((entry, index) => {
          host.hub.emit('deployment.log', { deploymentId: id, entry: { seq: first + index, ...entry } });
        });
      emitEvents(host.hub, told);
      return ok<void, AnyError>(undefined);
    }
  });
}
