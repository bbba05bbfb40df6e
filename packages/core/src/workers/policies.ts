/**
 * What a submission does where others of its stage wait or run. It decides by what it has read of them, and its commit expects that
 * nothing of that has changed: every submission writes the stage's line, and who begins or ends writes its own record.
 */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, failure, type TaggedError } from '../domain/errors.js';
import type { DeploymentRecord, LeaseRecord, QueueRecord } from '../domain/records.js';
import { isoTime } from '../domain/time.js';
import type { EventDraft } from '../events/types.js';
import { stageLease } from '../flow/deploy.js';
import type { Host } from '../flow/host.js';
import { routine } from '../kernel/routine.js';
import type { Change, Expectation } from '../ports/store.js';
import { endQueued, queuedEnding } from './endings.js';
import type { Hosts } from './hosts.js';

export interface Place {
  readonly changes: readonly Change[];
  readonly expect: readonly Expectation[];
  readonly events: readonly EventDraft[];
  /** Those that end with this commit, as they are then. */
  readonly superseded: readonly DeploymentRecord[];
  /** Those that one commit has no room for: to be ended after it. */
  readonly rest: readonly string[];
  /** The deployment that runs and is to be cancelled. */
  readonly running: string | null;
}

/** So many end in the commit of the one that takes their place, beside all else that it has to write. */
const SUPERSEDED_MAX = 40;

export function takePlace(
  host: Host,
  hosts: Hosts,
  record: DeploymentRecord,
  signal: AbortSignal,
): ResultAsync<Place, AnyError> {
  const { stageKey, request } = record;
  const line: QueueRecord = { id: stageKey, last: record.id };
  const { store } = host;
  return routine(async function* () {
    const before = yield* store.get('queues', stageKey, { signal });
    const queued = yield* store.list('deployments', { where: { stageKey, status: 'queued' } }, { signal });
    const lease = yield* host.leases.look(stageLease(stageKey), { signal });
    const place: Change = before
      ? { op: 'put', collection: 'queues', record: line, version: before.version }
      : { op: 'insert', collection: 'queues', record: line };
    if (request.policy === 'reject') {
      const waiting =
        queued.length > 0 ? queued.map(({ value }) => value).find((yield* hosts.look(signal)).canRun) : null;
      if (lease.held || waiting) return err(busy(host, record, lease.held, waiting ?? null));
      const expect: Expectation = { collection: 'leases', id: stageLease(stageKey), version: lease.version };
      return ok<Place, AnyError>({
        changes: [place],
        expect: [expect],
        events: [],
        superseded: [],
        rest: [],
        running: null,
      });
    }
    const end = { status: 'superseded', error: superseded(record), by: record.id } as const;
    const now = queued.slice(0, SUPERSEDED_MAX).map((each) => queuedEnding(host, each, end));
    return ok<Place, AnyError>({
      expect: [],
      changes: [place, ...now.flatMap(({ changes }) => changes)],
      events: now.map(({ event }) => event),
      superseded: now.map((each) => each.record),
      rest: queued.slice(SUPERSEDED_MAX).map(({ value }) => value.id),
      running: request.running === 'cancel' ? (lease.held?.deployment ?? null) : null,
    });
  });
}

const superseded = ({ id, tag }: Pick<DeploymentRecord, 'id' | 'tag'>): TaggedError<'superseded'> =>
  failure(
    'superseded',
    `Deployment ${id} of ${tag} took its place before it began.`,
    'Wait for that one: it is what was asked for last.',
  );

/** Those that the commit had no room for. What could not be ended goes on waiting, and runs before this one. */
export async function endRest(
  host: Host,
  record: DeploymentRecord,
  rest: readonly string[],
): Promise<DeploymentRecord[]> {
  const { signal } = new AbortController();
  const ended: DeploymentRecord[] = [];
  for (const id of rest) {
    const end = await endQueued(host, id, { status: 'superseded', error: superseded(record), by: record.id }, signal);
    if (end.isOk() && end.value) ended.push(end.value);
  }
  return ended;
}

/** Who holds the stage, since when, for which deployment, and how that is ended. */
function busy(
  { clock }: Pick<Host, 'clock'>,
  { project, stage }: DeploymentRecord,
  held: LeaseRecord | null,
  waiting: DeploymentRecord | null,
): TaggedError<'stage-busy'> {
  const deployment = held ? held.deployment : (waiting?.id ?? null);
  const holder = held?.holder ?? waiting?.host ?? '';
  const since = held?.since ?? waiting?.queuedAt ?? clock.now();
  const what = deployment === null ? '' : ` for deployment ${deployment}`;
  const forSeconds = Math.max(0, Math.round((clock.now() - since) / 1000));
  return failure(
    'stage-busy',
    held
      ? `Stage "${stage}" of project "${project}" is held by host ${holder}${what} for ${forSeconds} s, since ${isoTime(since)}.`
      : `On stage "${stage}" of project "${project}" deployment ${deployment} waits on host ${holder} for ${forSeconds} s, since ${isoTime(since)}.`,
    deployment === null
      ? 'Wait until it is through.'
      : `Wait until it is through, or cancel it: cancel('${deployment}').`,
    { retryable: true, details: { holder, since, deployment } },
  );
}
