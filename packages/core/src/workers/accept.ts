/** A request becomes a queued deployment: stored with its place in the line, its key and its event, all at once or not at all. */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, failure, type TaggedError } from '../domain/errors.js';
import { type DeploymentRecord, type DeploymentRequest, stageKey } from '../domain/records.js';
import { deploymentView } from '../domain/views.js';
import { type Audited, audited } from '../events/audit.js';
import { appendEvents, type EventEntry, emitEvents, eventEntries } from '../events/drafts.js';
import type { EventDraft } from '../events/types.js';
import { type Begun, stageLease, startedRecord } from '../flow/deploy.js';
import type { Host } from '../flow/host.js';
import { confirmed } from '../kernel/confirm.js';
import { routine } from '../kernel/routine.js';
import type { Change, Expectation } from '../ports/store.js';
import type { Heartbeat } from './heartbeat.js';
import type { Hosts } from './hosts.js';
import type { Keyed } from './idempotency.js';
import type { Place } from './policies.js';

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
      const key = keyed && (yield* (await import('./idempotency.js')).lookUpKey(host, keyed, signal));
      if (key?.known) return ok<Accepted, AnyError>({ known: key.known });
      const policies = record.request.policy === 'queue' ? null : await import('./policies.js');
      const place = policies ? yield* policies.takePlace(host, hosts, record, signal) : lastInLine(record);
      const target = yield* rollBackTarget(host, record, signal);
      const asked = askedFor(host, record);
      const entries = eventEntries(host, [queued(record), ...asked.events, ...place.events]);
      const committed = await confirmed(
        host,
        host.store.commit([...stored(record, heartbeat, place, asked, entries), ...(key?.take(record.id) ?? [])], {
          signal,
          expect: [...place.expect, ...target],
        }),
        // Whatever has become of it since.
        (own) => host.store.get('deployments', record.id, { signal: own }).map(Boolean),
      );
      if (committed.isOk()) {
        heartbeat.introduced();
        emitEvents(host.hub, entries);
        const rest = policies ? await policies.endRest(host, record, place.rest) : [];
        const { superseded, running } = place;
        return ok<Accepted, AnyError>({ record, superseded: [...superseded, ...rest], running });
      }
      if (committed.error.kind !== 'store-conflict' || race >= RACES_MAX) return err(committed.error);
    }
  });
}

/**
 * Stores a request and begins it, in one commit: where its stage is free, and nobody waits for that. Undefined: it has to be stored first, and
 * nothing was changed.
 */
export function acceptAndBegin(
  host: Host,
  heartbeat: Heartbeat,
  record: DeploymentRecord,
  signal: AbortSignal,
): ResultAsync<Begun | undefined, AnyError> {
  const { id, stageKey } = record;
  return routine(async function* () {
    const waiting = yield* host.store.list(
      'deployments',
      { where: { stageKey, status: 'queued' }, limit: 1 },
      { signal },
    );
    if (waiting.length > 0) return ok<Begun | undefined, AnyError>(undefined);
    const started = startedRecord(host, record);
    const asked = askedFor(host, record);
    const entries = eventEntries(host, [queued(record), ...asked.events]);
    const taken = await host.leases.take([stageLease(stageKey)], {
      signal,
      once: true,
      deployment: id,
      changes: () => stored(started, heartbeat, lastInLine(record), asked, entries),
    });
    if (taken.isErr()) {
      const { error } = taken;
      const isTaken = error.kind === 'stage-busy' || error.kind === 'store-conflict';
      return isTaken ? ok<Begun | undefined, AnyError>(undefined) : err(error);
    }
    heartbeat.introduced();
    emitEvents(host.hub, entries);
    const [lease] = taken.value.leases;
    return ok<Begun | undefined, AnyError>(lease && { stored: { value: started, version: 1 }, lease });
  });
}

/** What every request brings to the store. */
const stored = (
  record: DeploymentRecord,
  heartbeat: Heartbeat,
  place: Pick<Place, 'changes'>,
  asked: Pick<Audited, 'changes'>,
  entries: readonly EventEntry[],
): Change[] => [
  { op: 'insert', collection: 'deployments', record },
  ...asked.changes,
  ...heartbeat.introduction(),
  ...place.changes,
  ...appendEvents(entries),
];

const askedFor = (host: Host, { id, kind, request, tag }: DeploymentRecord): Audited => {
  const act = kind === 'rollback' ? 'roll-back' : 'deploy';
  // Its own id: one that was drawn anew would say nothing more.
  return audited(host, { id, act, by: request.by ?? null, of: request, tag, subject: id });
};

const queued = (record: DeploymentRecord): EventDraft => ({
  type: 'deployment.queued',
  payload: { deployment: deploymentView(record) },
});

/** Whatever is there already: who waits in line comes behind it, and need not look. */
const lastInLine = ({ id, stageKey }: DeploymentRecord): Place => ({
  changes: [{ op: 'put', collection: 'queues', record: { id: stageKey, last: id } }],
  expect: [],
  events: [],
  superseded: [],
  rest: [],
  running: null,
});

/** What a roll back goes to is there when it is accepted; from then on pruning keeps it. */
function rollBackTarget(
  { store }: Host,
  { request: { rollBackTo } }: DeploymentRecord,
  signal: AbortSignal,
): ResultAsync<readonly Expectation[], AnyError> {
  return routine(async function* () {
    if (rollBackTo === undefined) return ok<readonly Expectation[], AnyError>([]);
    const target = yield* store.get('deployments', rollBackTo, { signal });
    if (!target) return err(gone(rollBackTo));
    return ok<readonly Expectation[], AnyError>([
      { collection: 'deployments', id: rollBackTo, version: target.version },
    ]);
  });
}

const gone = (id: string): TaggedError<'unknown-deployment'> =>
  failure(
    'unknown-deployment',
    `Deployment ${id} is not in the history any more.`,
    'Choose one that is: `deployments.list()`, or `quayside history`.',
  );

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
    ...(host.extensions && host.extensions.needed.length > 0 ? { plugins: host.extensions.needed } : {}),
    needsHost: null,
    supersededBy: null,
    identities: null,
    left: [],
    writeId: host.ids.next(now),
  };
}
