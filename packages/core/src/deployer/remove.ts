/** Removing an instance, or a stage with all that it has: marked in one commit under the stage's lease, done by durable tasks. */
import { err, ok, okAsync, type Result, type ResultAsync } from 'neverthrow';
import { type AnyError, failure, type TaggedError } from '../domain/errors.js';
import { type StageRecord, stageKey, type TaskRecord } from '../domain/records.js';
import { appendEvents, emitEvents, eventEntries } from '../events/drafts.js';
import { stageLease } from '../flow/deploy.js';
import type { Host } from '../flow/host.js';
import { settleStage } from '../flow/settle.js';
import {
  isRace,
  RACES_MAX,
  type Retirement,
  readStage,
  retire,
  retiringEvent,
  type StageState,
} from '../flow/succeed.js';
import { unrouteTask } from '../flow/tasks.js';
import { confirmed } from '../kernel/confirm.js';
import type { Lease } from '../kernel/lease.js';
import { routine } from '../kernel/routine.js';
import { CHANGES_MAX, type Change } from '../ports/store.js';
import { unknownInstance } from './unknown.js';

/** Told of tasks as soon as they are committed, whatever becomes of the rest. */
type OnTasks = (tasks: readonly TaskRecord[]) => void;

/** The answer names the instances that go. */
export function removeInstance(
  host: Host,
  id: string,
  onTasks: OnTasks,
  signal: AbortSignal,
): ResultAsync<readonly string[], AnyError> {
  return routine(async function* () {
    const found = yield* host.store.get('instances', id, { signal });
    if (!found) return err(unknownInstance(id));
    return await underLease(host, found.value.stageKey, onTasks, signal, (state) => {
      const instance = state.instances.find(({ value }) => value.id === id)?.value;
      if (!instance) return err(unknownInstance(id));
      if (state.stage?.value.current === id) return err(inUse(id));
      return ok({ going: instance.state === 'running' ? [instance] : [], isWhole: false });
    });
  });
}

export function removeStage(
  host: Host,
  { project, stage }: { readonly project: string; readonly stage: string },
  onTasks: OnTasks,
  signal: AbortSignal,
): ResultAsync<readonly string[], AnyError> {
  return underLease(host, stageKey(project, stage), onTasks, signal, (state) =>
    state.stage || state.instances.length > 0 || state.routes.length > 0
      ? ok({
          going: state.instances.map(({ value }) => value).filter((each) => each.state === 'running'),
          isWhole: true,
        })
      : err(unknownStage(project, stage)),
  );
}

const inUse = (id: string): TaggedError<'instance-in-use'> =>
  failure(
    'instance-in-use',
    `The default route points to instance ${id}.`,
    'Deploy or roll back to another one first, or remove the whole stage.',
  );

const unknownStage = (project: string, stage: string): TaggedError<'unknown-stage'> =>
  failure(
    'unknown-stage',
    `Nothing is deployed on stage "${stage}" of project "${project}".`,
    'Look at what runs: `instances.list()`, or `quayside ps`.',
  );

type Instances = StageState['instances'][number]['value'];

interface Going {
  readonly going: readonly Instances[];
  readonly isWhole: boolean;
}

function underLease(
  host: Host,
  key: string,
  onTasks: OnTasks,
  signal: AbortSignal,
  choose: (state: StageState) => Result<Going, AnyError>,
): ResultAsync<readonly string[], AnyError> {
  return routine(async function* () {
    const { identities } = yield* host.surroundings({ signal });
    const taken = yield* host.leases.take([stageLease(key)], { signal, deployment: null });
    const [lease] = taken.leases;
    if (!lease) return ok<readonly string[], AnyError>([]);
    try {
      yield* settleStage(host, key, lease, identities, null, signal);
      const going = new Set<string>();
      for (let race = 0; ; race += 1) {
        const state = yield* readStage(host, key, signal);
        const chosen = yield* choose(state);
        for (const { id } of chosen.going) going.add(id);
        const committed = await commit(host, key, lease, state, chosen, onTasks, signal);
        if (committed.isOk()) return ok<readonly string[], AnyError>([...going]);
        if (race >= RACES_MAX || !isRace(committed.error)) return err(committed.error);
      }
    } finally {
      await lease.release({ signal: new AbortController().signal });
    }
  });
}

function commit(
  host: Host,
  key: string,
  lease: Lease,
  state: StageState,
  { going, isWhole }: Going,
  onTasks: OnTasks,
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  const now = host.clock.now();
  const task = (identities: Instances['identities']) => ({
    id: host.ids.next(now),
    now,
    stageKey: key,
    deployment: null,
    identities,
  });
  return routine(async function* () {
    const retirements = going.map((each) => retire(each, 'removed', state, task(each.identities)));
    const stageChanges = isWhole
      ? yield* stageGoes(host, key, state, signal)
      : { changes: [] as Change[], tasks: [] as TaskRecord[] };
    // The stage's own routes in the first commit: nothing leads to what goes from then on.
    for (const [index, batch] of batched(retirements, stageChanges.changes.length).entries()) {
      const entries = eventEntries(host, batch.map(retiringEvent));
      const changes = [...(index === 0 ? stageChanges.changes : []), ...batch.flatMap((each) => each.changes)];
      const tasks = [...(index === 0 ? stageChanges.tasks : []), ...batch.map((each) => each.task)];
      const [first] = tasks;
      yield* confirmed(
        host,
        host.store.commit([...changes, ...appendEvents(entries)], { signal, fence: [lease.fence] }),
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
      const gone: StageRecord = { ...value, current: null, currentDeployment: null, previous: null };
      changes.push({ op: 'put', collection: 'stages', record: gone, version });
    }
    changes.push(...tasks.map((record): Change => ({ op: 'insert', collection: 'tasks', record })));
    return ok<{ changes: Change[]; tasks: TaskRecord[] }, AnyError>({ changes, tasks });
  });
}
