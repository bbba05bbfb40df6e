/**
 * The commit: the point of no return. One fenced write makes the deployment terminal, the routes live, the new instance the current
 * one, and marks what has to go; what it leaves to do are durable tasks.
 */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { planGoing } from '../domain/eviction.js';
import type {
  InstanceRecord,
  RetireReason,
  RetireTask,
  RouteRecord,
  StageRecord,
  TaskRecord,
} from '../domain/records.js';
import { type Deployment, instanceView } from '../domain/views.js';
import type { EventDraft } from '../events/types.js';
import { guard, routine } from '../kernel/routine.js';
import { CHANGES_MAX, type Change, type Expectation } from '../ports/store.js';
import { noCancel, orCancelled } from './cancel.js';
import type { Flow } from './flow.js';
import { pinnedOf } from './pins.js';
import { readStage, type StageState } from './stage-state.js';
import { retireTask, unrouteTask } from './tasks.js';

/** What one commit has room for, beside the deployment's own record, journal, log and events, and the stage's lease. */
const ROOM = CHANGES_MAX - 10;

/** How often a commit is tried again that met somebody who writes without the stage's lease. */
export const RACES_MAX = 20;

/**
 * Whether a record was changed that can change without the stage's lease: by who heals a route, or pins an instance. What the commit is made
 * of is then read again.
 */
export const isRace = (error: AnyError): boolean =>
  error.kind === 'store-conflict' &&
  'collection' in error &&
  ['routes', 'instances', 'stages', 'pins'].includes(String(error.collection));

/** Commits. Answers the tasks that it leaves. */
export function succeed(flow: Flow, signal: AbortSignal): ResultAsync<readonly TaskRecord[], AnyError> {
  const { ledger } = flow;
  const { record } = ledger;
  const now = flow.host.clock.now();
  const seconds = ((now - (record.startedAt ?? now)) / 1000).toFixed(1);
  const domains = flow.spec.routes.map(({ domain }) => domain);
  ledger.step = null;
  ledger.log('info', `${record.tag} is live on ${record.project}/${record.stage} after ${seconds} s.`, { domains });
  return guard(async () => {
    for (let race = 0; ; race += 1) {
      const committed = await commitOnce(flow, signal);
      if (committed.isOk() || race >= RACES_MAX || !isRace(committed.error)) return committed;
    }
  });
}

function commitOnce(flow: Flow, signal: AbortSignal): ResultAsync<readonly TaskRecord[], AnyError> {
  const { host, ledger, spec } = flow;
  const { record } = ledger;
  const now = host.clock.now();
  return routine(async function* () {
    const seen = flow.seen.stage;
    delete flow.seen.stage;
    const state = yield* seen ?? readStage(host, record.stageKey, signal);
    const target = flow.target.owner.deployment;
    const commits = (state.stage?.value.commits ?? 0) + 1;
    const before = state.stage?.value.current ?? null;
    const changes: Change[] = [];

    // The new current one, and the one that it takes over from.
    const known = state.instances.find(({ value }) => value.id === target);
    const current: InstanceRecord = {
      ...(known?.value ?? newInstance(flow, now)),
      state: 'running',
      defaultSince: before === target && known ? known.value.defaultSince : now,
      defaultUntil: null,
      defaultOrder: commits,
      expiresAt: spec.ttlMs === null ? null : now + spec.ttlMs,
    };
    changes.push(known ? put(current, known.version) : { op: 'insert', collection: 'instances', record: current });
    const { maxInstances, rollbackWindowMs, tag } = spec;
    const instances = state.instances.map(({ value }) => value);
    const plan = (pinned: ReadonlySet<string>) =>
      planGoing({ instances, target, before, tag, commits, maxInstances, rollbackWindowMs, now, pinned });
    let { left, going } = plan(new Set());
    let isPinned = false;
    if (known || going.some(({ reason }) => reason === 'evicted')) {
      const pinned = yield* pinnedOf(host.store, instances, signal);
      isPinned = pinned.has(target);
      ({ left, going } = plan(pinned));
    }

    // Routes: those of the spec are live and point to it; of the stage's others those go whose use has ended.
    const mine = new Set(spec.routes.map(({ domain }) => domain));
    const given: string[] = [];
    for (const { value, version } of state.routes) {
      if (mine.has(value.id)) {
        const put = { target: flow.seen.put ?? null, options: spec.options.proxy };
        const live: RouteRecord = { ...value, ...put, state: 'live', instance: target };
        changes.push({ op: 'put', collection: 'routes', record: live, version });
      } else if (value.state === 'live' && value.owner.kind !== 'tagged') {
        given.push(value.id);
        changes.push({ op: 'put', collection: 'routes', record: { ...value, state: 'leaving' }, version });
      }
    }
    const stage: StageRecord = {
      id: record.stageKey,
      project: record.project,
      stage: record.stage,
      current: target,
      currentDeployment: record.id,
      previous: before !== null && before !== target ? before : (state.stage?.value.previous ?? null),
      commits,
      ...(state.stage?.value.maintenance && { maintenance: state.stage.value.maintenance }),
    };
    changes.push(
      state.stage
        ? { op: 'put', collection: 'stages', record: stage, version: state.stage.version }
        : { op: 'insert', collection: 'stages', record: stage },
    );
    const pulled = pulledImage(flow, now);
    if (pulled) changes.push(pulled);

    const tasks: TaskRecord[] = [];
    const identities = record.identities ?? { runtime: '', proxy: null };
    const base = { now, stageKey: record.stageKey, deployment: record.id, identities };
    if (given.length > 0) {
      const task = unrouteTask({ ...base, id: host.ids.next(now), subject: record.id, domains: given });
      tasks.push(task);
      changes.push({ op: 'insert', collection: 'tasks', record: task });
    }

    const later: Retirement[] = [];
    const inThis: Retirement[] = [];
    let room = ROOM - changes.length;
    for (const { instance, reason } of going) {
      const retirement = retire(instance, reason, state, { ...base, id: host.ids.next(now) }, mine);
      room -= retirement.changes.length;
      if (room >= 0) inThis.push(retirement);
      else later.push(retirement);
    }
    // The one that the default route has left, where it stays.
    if (left && !going.some(({ instance }) => instance === left)) {
      const { id } = left;
      const version = state.instances.find(({ value }) => value.id === id)?.version;
      if (version !== undefined) changes.push(put(left, version));
    }
    const events: EventDraft[] = inThis.map(retiringEvent);
    const isLast = later.length === 0;
    // Every lease goes with the last commit, as far as there is room for them.
    const isRoomy = isLast && room >= flow.held.length;
    const freed = isLast ? [ledger.lease, ...(isRoomy ? flow.held : [])] : [];
    const domains = spec.routes.map(({ domain }) => domain);
    const marks = { isPinned, isHeld: stage.maintenance !== undefined };
    const committed = ledger.commitFreeing(freed, {
      record: {
        status: 'succeeded',
        endedAt: now,
        instance: target,
        previous: before,
        cleanup: going.length + given.length > 0 ? 'pending' : 'none',
        left: [
          ...going.map(({ instance }) => `instance ${instance.id} (${instance.tag})`),
          ...given.map((domain) => `route ${domain}`),
        ],
      },
      journal: null,
      changes: [...changes, ...inThis.flatMap((each) => each.changes)],
      expect: [noCancel(record.id), ...inThis.flatMap((each) => each.expect)],
      events: (deployment: Deployment): EventDraft[] => [
        {
          type: 'deployment.succeeded',
          payload: { deployment, instance: instanceView(current, domains, marks) },
        },
        ...events,
      ],
    });
    yield* orCancelled(host, record.id, committed, { signal });
    if (isRoomy) flow.held.splice(0);
    tasks.push(...inThis.map(({ task }) => task));
    for (const retirement of later) {
      const { changes, expect } = retirement;
      const marked = await ledger.commit({ changes, expect, events: () => [retiringEvent(retirement)] });
      // It has succeeded all the same: who stays beyond `maxInstances` goes with the next deployment.
      if (marked.isErr()) break;
      tasks.push(retirement.task);
    }
    return ok<readonly TaskRecord[], AnyError>(tasks);
  });
}

const put = (record: InstanceRecord, version: number): Change => ({
  op: 'put',
  collection: 'instances',
  record,
  version,
});

function newInstance(flow: Flow, now: number): InstanceRecord {
  const { ledger, spec, target } = flow;
  const { record } = ledger;
  return {
    id: target.owner.deployment,
    project: record.project,
    stage: record.stage,
    stageKey: record.stageKey,
    tag: spec.tag,
    digest: spec.image.digest,
    fingerprint: spec.fingerprint,
    container: target.name,
    state: 'running',
    createdAt: now,
    defaultSince: now,
    defaultUntil: null,
    defaultOrder: 0,
    expiresAt: null,
    identities: record.identities ?? { runtime: '', proxy: null },
  };
}

export interface Retirement {
  readonly task: RetireTask;
  readonly instance: InstanceRecord;
  readonly changes: readonly Change[];
  readonly expect: readonly Expectation[];
}

/** Marks an instance `retiring` and its own routes `leaving`, with the task that does the rest. */
export function retire(
  instance: InstanceRecord,
  reason: RetireReason,
  state: StageState,
  task: Omit<Parameters<typeof retireTask>[0], 'instance' | 'domains' | 'reason'>,
  kept: ReadonlySet<string> = new Set(),
): Retirement {
  const version = state.instances.find(({ value }) => value.id === instance.id)?.version;
  const retiring: InstanceRecord = { ...instance, state: 'retiring' };
  // A tagged route that has moved on to the target is live there; what still points here leaves with it.
  const leaving = state.routes.filter(
    ({ value }) => value.instance === instance.id && value.owner.kind === 'tagged' && !kept.has(value.id),
  );
  // Whoever removes or replaces it means it, and the pin goes too. What goes by itself was not pinned when that was decided.
  const isMeant = reason === 'replaced' || reason === 'removed';
  const record = retireTask({ ...task, reason, instance: instance.id, domains: leaving.map(({ value }) => value.id) });
  return {
    task: record,
    instance: retiring,
    changes: [
      version === undefined ? { op: 'put', collection: 'instances', record: retiring } : put(retiring, version),
      ...leaving.map(
        (route): Change => ({
          op: 'put',
          collection: 'routes',
          record: { ...route.value, state: 'leaving' },
          version: route.version,
        }),
      ),
      { op: 'insert', collection: 'tasks', record },
      ...(isMeant ? [{ op: 'remove', collection: 'pins', id: instance.id } as const] : []),
    ],
    expect: isMeant ? [] : [{ collection: 'pins', id: instance.id, version: null }],
  };
}

export const retiringEvent = ({ instance, task }: Retirement): EventDraft => ({
  type: 'instance.retiring',
  payload: { instance: instanceView(instance, task.domains), reason: task.reason },
});

/** That we pulled it, on record: only such an image is ever removed. */
function pulledImage(flow: Flow, now: number): Change | undefined {
  const entry = flow.ledger.journal?.entries.find(({ step }) => step === 'pull');
  const intent = entry?.intent as { readonly present?: boolean } | undefined;
  if (intent?.present !== false) return undefined;
  const { reference, repository, digest } = flow.spec.image;
  const identity = flow.ledger.record.identities?.runtime ?? '';
  const id = `${reference} ${identity}`;
  return {
    op: 'put',
    collection: 'images',
    record: { id, reference, repository, digest, pulledBy: flow.ledger.record.id, pulledAt: now, identity },
  };
}
