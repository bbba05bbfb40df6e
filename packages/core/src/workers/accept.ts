/** A request becomes a queued deployment: stored with its place in the line, its key and its event, all at once or not at all. */
import { err, ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { type DeploymentRecord, type DeploymentRequest, stageKey } from '../domain/records.js';
import { deploymentView } from '../domain/views.js';
import { appendEvents, emitEvents, eventEntries } from '../events/drafts.js';
import type { Host } from '../flow/host.js';
import { confirmed } from '../kernel/confirm.js';
import { routine } from '../kernel/routine.js';
import { endQueued } from './endings.js';
import type { Heartbeat } from './heartbeat.js';
import type { Hosts } from './hosts.js';
import { type Keyed, lookUpKey } from './idempotency.js';
import { superseded, takePlace } from './policies.js';

/** What is asked for, checked, its overrides sealed. */
export interface Submission {
  readonly kind: 'deploy' | 'rollback';
  readonly request: DeploymentRequest;
  readonly keyed: Keyed | null;
}

export type Accepted =
  | {
      readonly record: DeploymentRecord;
      /** Those whose place it took, as they are now. */
      readonly superseded: readonly DeploymentRecord[];
      /** What runs, and is to be cancelled. */
      readonly running: string | null;
    }
  | Known;

/** The deployment that the request's key stands for. */
export interface Known {
  readonly known: string;
}

/** So often a submission is decided anew that others were quicker than. */
const RACES_MAX = 50;

export function accept(
  host: Host,
  { hosts, heartbeat }: { readonly hosts: Hosts; readonly heartbeat: Heartbeat },
  record: DeploymentRecord,
  keyed: Keyed | null,
  signal: AbortSignal,
): ResultAsync<Accepted, AnyError> {
  return routine(async function* () {
    for (let race = 0; ; race += 1) {
      const key = keyed && (yield* lookUpKey(host, keyed, signal));
      if (key?.known) return ok<Accepted, AnyError>({ known: key.known });
      const place = yield* takePlace(host, hosts, record, signal);
      const entries = eventEntries(host, [
        { type: 'deployment.queued', payload: { deployment: deploymentView(record) } },
        ...place.events,
      ]);
      const committed = await confirmed(
        host,
        host.store.commit(
          [
            { op: 'insert', collection: 'deployments', record },
            ...heartbeat.introduction(),
            ...place.changes,
            ...(key?.take(record.id) ?? []),
            ...appendEvents(entries),
          ],
          { signal, expect: place.expect },
        ),
        // Whatever has become of it since.
        (own) => host.store.get('deployments', record.id, { signal: own }).map(Boolean),
      );
      if (committed.isOk()) {
        emitEvents(host.hub, entries);
        return ok<Accepted, AnyError>({
          record,
          superseded: [...place.superseded, ...(await endRest(host, record, place.rest))],
          running: place.running,
        });
      }
      if (committed.error.kind !== 'store-conflict' || race >= RACES_MAX) return err(committed.error);
    }
  });
}

/** Those that the commit had no room for. What could not be ended goes on waiting, and runs before this one. */
async function endRest(host: Host, record: DeploymentRecord, rest: readonly string[]): Promise<DeploymentRecord[]> {
  const { signal } = new AbortController();
  const ended: DeploymentRecord[] = [];
  for (const id of rest) {
    const end = await endQueued(host, id, { status: 'superseded', error: superseded(record), by: record.id }, signal);
    if (end.isOk() && end.value) ended.push(end.value);
  }
  return ended;
}

export function queuedRecord(host: Host, { kind, request }: Submission): DeploymentRecord {
  const now = host.clock.now();
  const { project, stage, tag } = request;
  return {
    id: host.ids.next(now),
    project,
    stage,
    stageKey: stageKey(project, stage),
    tag,
    kind,
    status: 'queued',
    cleanup: 'none',
    request,
    queuedAt: now,
    startedAt: null,
    endedAt: null,
    digest: null,
    steps: [],
    instance: null,
    previous: null,
    error: null,
    host: host.id,
    group: host.group,
    needsHost: null,
    supersededBy: null,
    identities: null,
    left: [],
    writeId: host.ids.next(now),
  };
}
