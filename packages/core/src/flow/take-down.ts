/**
 * Taking down: instances of a stage, or the stage with all that it has, are marked in one commit under the stage's lease, and durable tasks do the
 * rest.
 */
import { err, ok, okAsync, type Result, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { InstanceRecord, RetireReason, StageRecord, TaskRecord } from '../domain/records.js';
import { appendEvents, emitEvents, eventEntries } from '../events/drafts.js';
import type { EventDraft } from '../events/types.js';
import { confirmed } from '../kernel/confirm.js';
import type { Lease } from '../kernel/held-lease.js';
import { routine } from '../kernel/routine.js';
import { releaseAll } from '../kernel/under-leases.js';
import { CHANGES_MAX, type Change } from '../ports/store.js';
import { stageLease } from './deploy.js';
import type { Host } from './host.js';
import { settleStage } from './settle.js';
import { readStage, type StageState } from './stage-state.js';
import { isRace, RACES_MAX, type Retirement, retire, retiringEvent } from './succeed.js';
import { unrouteTask } from './tasks.js';

/** Told of tasks as soon as they are committed, whatever becomes of the rest. */
export type OnTasks = (tasks: readonly TaskRecord[]) => void;

/** What goes, as it is decided under the stage's lease. */
export interface TakeDown {
  readonly going: readonly InstanceRecord[];
  readonly reason: RetireReason;
  /** The stage's own routes, and what its default route points to, too. */
  readonly isWhole: boolean;
  /** Told, and written, with the first commit. */
  readonly events?: readonly EventDraft[];
  readonly changes?: readonly Change[];
}

export interface TakeDownTerms {
  readonly onTasks: OnTasks;
  readonly signal: AbortSignal;
  /** Do not wait for the stage: fail with `stage-busy`. */
  readonly once?: boolean;
}

/** The answer names the instances that go. */
export function takeDown(
  host: Host,
  key: string,
  terms: TakeDownTerms,
  choose: (state: StageState) => ResultAsync<TakeDown, AnyError> | Result<TakeDown, AnyError>,
): ResultAsync<readonly string[], AnyError> {
  const { signal, once = false } = terms;
  return routine(async function* () {
    const { identities } = yield* host.surroundings({ signal });
    const taken = yield* host.leases.take([stageLease(key)], { signal, deployment: null, once });
    const [lease] = taken.leases;
    if (!lease) return ok<readonly string[], AnyError>([]);
    try {
      yield* settleStage(host, key, lease, identities, null, signal);
      const going = new Set<string>();
      for (let race = 0; ; race += 1) {
        const state = yield* readStage(host, key, signal);
        const chosen = yield* await choose(state);
        for (const { id } of chosen.going) going.add(id);
        const committed = await commit(host, key, lease, state, chosen, terms);
        if (committed.isOk()) return ok<readonly string[], AnyError>([...going]);
        if (race >= RACES_MAX || !isRace(committed.error)) return err(committed.error);
      }
    } finally {
      await releaseAll(taken.leases);
    }
  });
}

function commit(
  host: Host,
  key: string,
  lease: Lease,
  state: StageState,
  { going, isWhole, reason, events = [], changes: also = [] }: TakeDown,
  { onTasks, signal }: TakeDownTerms,
): ResultAsync<void, AnyError> {
  const now = host.clock.now();
  const task = (identities: InstanceRecord['identities']) => ({
    id: host.ids.next(now),
    now,
    stageKey: key,
    deployment: null,
    identities,
  });
  return routine(async function* () {
    const retirements = going.map((each) => retire(each, reason, state, task(each.identities)));
    const ofStage = isWhole ? yield* stageGoes(host, key, state, signal) : { changes: [], tasks: [] };
    const stageChanges = { ...ofStage, changes: [...ofStage.changes, ...also] };
    // The stage's own routes in the first commit: nothing leads to what goes from then on.
    const stageEvents = [...events, ...(isWhole ? maintenanceEnded(state) : [])];
    for (const [index, batch] of batched(retirements, stageChanges.changes.length).entries()) {
      const drafts = [...(index === 0 ? stageEvents : []), ...batch.map(retiringEvent)];
      const entries = eventEntries(host, drafts);
      const changes = [...(index === 0 ? stageChanges.changes : []), ...batch.flatMap((each) => each.changes)];
      const tasks = [...(index === 0 ? stageChanges.tasks : []), ...batch.map((each) => each.task)];
      const [first] = tasks;
      yield* confirmed(
        host,
        host.store.commit([...changes, ...appendEvents(entries)], {
          signal,
          fence: [lease.fence],
          expect: batch.flatMap((each) => each.expect),
        }),
        (own) => (first ? host.store.get('tasks', first.id, { signal: own }).map(Boolean) : okAsync(false)),
      );
      emitEvents(host.hub, entries);
      onTasks(tasks);
    }
    return ok<void, AnyError>(undefined);
  });
}

/** @param taken what the first commit has in it already */
function batched(retirements: readonly Retirement[], taken: number): Retirement[][] {
  const batches: Retirement[][] = [[]];
  let room = CHANGES_MAX - 10 - taken;
  for (const each of retirements) {
    room -= each.changes.length + 1;
    if (room < 0) {
      batches.push([]);
      room = CHANGES_MAX - 10 - each.changes.length;
    }
    batches.at(-1)?.push(each);
  }
  return batches;
}

/** With its routes there is nobody left to tell. */
function maintenanceEnded({ stage: stored }: StageState): EventDraft[] {
  if (!stored?.value.maintenance) return [];
  const { project, stage } = stored.value;
  return [{ type: 'stage.maintenance', payload: { project, stage, maintenance: null, by: null } }];
}

function stageGoes(host: Host, key: string, state: StageState, signal: AbortSignal) {
  return routine(async function* () {
    const own = state.routes.filter(({ value }) => value.owner.kind !== 'tagged' || value.instance === null);
    const changes = own.map(
      ({ value, version }): Change => ({
        op: 'put',
        collection: 'routes',
        record: { ...value, state: 'leaving' },
        version,
      }),
    );
    const tasks: TaskRecord[] = [];
    if (own.length > 0) {
      const now = host.clock.now();
      const { identities } = yield* host.surroundings({ signal });
      const domains = own.map(({ value }) => value.id);
      tasks.push(
        unrouteTask({
          id: host.ids.next(now),
          now,
          stageKey: key,
          deployment: null,
          identities,
          subject: key,
          domains,
        }),
      );
    }
    if (state.stage) {
      const { version, value } = state.stage;
      const { maintenance: _ended, ...rest } = value;
      const gone: StageRecord = { ...rest, current: null, currentDeployment: null, previous: null };
      changes.push({ op: 'put', collection: 'stages', record: gone, version });
    }
    changes.push(...tasks.map((record): Change => ({ op: 'insert', collection: 'tasks', record })));
    return ok<{ changes: Change[]; tasks: TaskRecord[] }, AnyError>({ changes, tasks });
  });
}
