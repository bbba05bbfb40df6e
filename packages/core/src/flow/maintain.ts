/**
 * A change of a stage's maintenance, by who holds the stage's lease:
 *
 *   intent (a task, with the routes' leases) → put → proved → committed: record, event and audit trail in one
 *                                               └──error──▶ the routes as the record has them, and the task goes
 *
 * Until the commit the record says what was before. Wherever the change is broken off, its task makes the routes agree with the record.
 */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../domain/errors.js';
import { canonicalJson } from '../domain/json.js';
import { type HoldTask, type Maintenance, type StageRecord, stageKey } from '../domain/records.js';
import { appendEvents, emitEvents, eventEntries } from '../events/drafts.js';
import type { EventDraft } from '../events/types.js';
import { confirmed } from '../kernel/confirm.js';
import type { Lease } from '../kernel/held-lease.js';
import { guard, routine } from '../kernel/routine.js';
import { scope } from '../kernel/scope.js';
import { releaseAll } from '../kernel/under-leases.js';
import type { Change, Stored } from '../ports/store.js';
import { holdRoutes, visitedRoutes } from './hold-routes.js';
import { openHoldTasks } from './holding.js';
import type { Host } from './host.js';
import { readStage, type StageState } from './stage-state.js';
import { isRace, RACES_MAX } from './succeed.js';
import type { OnTasks } from './take-down.js';
import { holdTask } from './tasks.js';
import { writeLeases } from './writes.js';

export interface MaintainTerms {
  readonly of: { readonly project: string; readonly stage: string };
  /** The stage's own. */
  readonly lease: Lease;
  /** From now on; null: visitors get to the instance. */
  readonly to: Maintenance | null;
  /** Written, and told, with the commit. */
  readonly changes: readonly Change[];
  readonly events: readonly EventDraft[];
  /** Told of what is left to do where it could not be taken back. */
  readonly onTasks: OnTasks;
  readonly signal: AbortSignal;
}

/** Answers the stage's record as it is then; undefined: nothing is left to say of a stage that was never deployed. */
export function maintain(host: Host, terms: MaintainTerms): ResultAsync<StageRecord | undefined, AnyError> {
  const { lease, of, onTasks, signal, to } = terms;
  const key = stageKey(of.project, of.stage);
  return routine(async function* () {
    const { identities } = yield* host.surroundings({ signal });
    const state = yield* readStage(host, key, signal);
    const left = yield* openHoldTasks(host.store, key, signal);
    const routes = visitedRoutes(state.routes);
    const elsewhere = routes.find(({ value }) => value.identity !== (identities.proxy ?? ''));
    if (elsewhere) return err(needsProxy(elsewhere.value.id, elsewhere.value.identity));
    // Nobody comes yet: the first deployment puts its routes as the record has them.
    if (routes.length === 0) return await commit(host, terms, { leases: [lease], tasks: left, changes: [] });

    const now = host.clock.now();
    const task = holdTask({ id: host.ids.next(now), now, stageKey: key, deployment: null, identities });
    const keys = writeLeases(
      host,
      identities.proxy,
      routes.map(({ value }) => value.id),
    );
    const taken = yield* host.leases.take(keys, {
      signal,
      deployment: null,
      fence: [lease.fence],
      changes: () => [{ op: 'insert', collection: 'tasks', record: task }],
    });
    const leases = [lease, ...taken.leases];
    try {
      const put = await holdRoutes(host, routes, to, { leases, signal });
      const made = put.isErr()
        ? put.map(() => undefined)
        : await commit(host, terms, { leases, tasks: [...left, task], changes: put.value });
      if (made.isErr()) await takeBack(host, made.error, state, task, leases, onTasks);
      return made;
    } finally {
      await releaseAll(taken.leases);
    }
  });
}

interface Made {
  readonly leases: readonly Lease[];
  /** What is done with it. */
  readonly tasks: readonly HoldTask[];
  readonly changes: readonly Change[];
}

function commit(
  host: Host,
  { of, to, signal, ...terms }: MaintainTerms,
  { leases, tasks, changes }: Made,
): ResultAsync<StageRecord | undefined, AnyError> {
  const key = stageKey(of.project, of.stage);
  const says = (stored: Stored<StageRecord> | undefined) => canonicalJson((stored?.value.maintenance ?? null) as never);
  const isSaid = (stored: Stored<StageRecord> | undefined) => says(stored) === canonicalJson(to as never);
  return routine(async function* () {
    const entries = eventEntries(host, terms.events);
    for (let race = 0; ; race += 1) {
      const stage = yield* host.store.get('stages', key, { signal });
      const record = recordOf(of, stage?.value, to);
      const committed = await confirmed(
        host,
        host.store.commit(
          [
            ...stageChanges(key, stage, record),
            ...changes,
            ...tasks.map(({ id }): Change => ({ op: 'remove', collection: 'tasks', id })),
            ...terms.changes,
            ...appendEvents(entries),
          ],
          { signal, fence: leases.map(({ fence }) => fence) },
        ),
        (own) =>
          routine(async function* () {
            const task = tasks.at(-1);
            const open = task && (yield* host.store.get('tasks', task.id, { signal: own }));
            return ok(!open && isSaid(yield* host.store.get('stages', key, { signal: own })));
          }).mapErr((error) => error as never),
      );
      if (committed.isOk()) {
        emitEvents(host.hub, entries);
        return ok<StageRecord | undefined, AnyError>(record);
      }
      if (race >= RACES_MAX || !isRace(committed.error)) return err(committed.error);
    }
  });
}

function recordOf(
  { project, stage }: MaintainTerms['of'],
  known: StageRecord | undefined,
  to: Maintenance | null,
): StageRecord | undefined {
  const { maintenance: _before, ...rest } = known ?? {
    id: stageKey(project, stage),
    project,
    stage,
    current: null,
    currentDeployment: null,
    previous: null,
    commits: 0,
  };
  if (to) return { ...rest, maintenance: to };
  // Of a stage that was never deployed nothing else is known.
  return known && known.commits > 0 ? rest : undefined;
}

function stageChanges(key: string, stored: Stored<StageRecord> | undefined, record: StageRecord | undefined): Change[] {
  if (record && stored) return [{ op: 'put', collection: 'stages', record, version: stored.version }];
  if (record) return [{ op: 'insert', collection: 'stages', record }];
  return stored ? [{ op: 'remove', collection: 'stages', id: key, version: stored.version }] : [];
}

/** Under a signal of its own: an aborted one would leave everything as it is. What cannot be taken back now is the task's to do. */
async function takeBack(
  host: Host,
  error: AnyError,
  { routes }: StageState,
  task: HoldTask,
  leases: readonly Lease[],
  onTasks: OnTasks,
): Promise<void> {
  const own = scope(host.clock, [host.ended], host.settings.undoTimeoutMs);
  const { signal } = own;
  const back = (): ResultAsync<void, AnyError> =>
    routine(async function* () {
      const stage = yield* host.store.get('stages', task.stageKey, { signal });
      const before = stage?.value.maintenance ?? null;
      const changes = yield* holdRoutes(host, visitedRoutes(routes), before, { leases, signal });
      yield* host.store.commit([...changes, { op: 'remove', collection: 'tasks', id: task.id }], {
        signal,
        fence: leases.map(({ fence }) => fence),
      });
      return ok<void, AnyError>(undefined);
    });
  // Who lost a lease touches nothing more under it.
  const taken: Result<void, AnyError> = error.kind === 'lease-lost' ? err(error) : await guard(back);
  own.end();
  if (taken.isErr()) onTasks([task]);
}

const needsProxy = (domain: string, identity: string): AnyError =>
  failure(
    'unsupported',
    `The route ${domain} is at the proxy ${identity || 'of another host'}, which this host does not have.`,
    'Ask a host that has it.',
  );
