/**
 * What the store holds now, counted. Each collection is walked along an index, up to a bound: a store with more than that has other
 * worries than an exact number.
 */
import { type CollectionName, type Collections, type Query, type Store, within } from '@quayside/core/ports';
import { ACTIVE_STATUSES, INSTANCE_STATES, LEASE_KINDS, TASK_KINDS } from './catalogue.js';

const PAGE = 1_000;
const COUNT_MAX = 10_000;

type Counts = ReadonlyMap<string, number>;

export interface State {
  readonly active: Counts;
  /** Wall clock, milliseconds; undefined: nothing waits. */
  readonly oldestQueuedAt: number | undefined;
  readonly leases: Counts;
  readonly tasks: Counts;
  readonly failing: Counts;
  readonly notifications: Counts;
  readonly instances: Counts;
  readonly conditions: Counts;
  readonly hosts: number;
}

/** Undefined where the store could not be read within the limit. */
export async function readState(store: Pick<Store, 'list'>, limitMs: number): Promise<State | undefined> {
  const own = new AbortController();
  try {
    // The limit holds also for a store that does not heed its signal.
    return await within(own.signal, limitMs, ({ signal }) =>
      Promise.race([
        read(store, signal),
        new Promise<never>((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
        ),
      ]),
    );
  } catch {
    return undefined;
  }
}

async function read(store: Pick<Store, 'list'>, signal: AbortSignal): Promise<State> {
  const all = <C extends CollectionName>(collection: C, where?: Query<C>['where']) =>
    walk(store, collection, where, signal);
  const active = new Map<string, number>();
  let oldestQueuedAt: number | undefined;
  for (const status of ACTIVE_STATUSES) {
    const found = await all('deployments', { status });
    active.set(status, found.length);
    if (status === 'queued')
      for (const { queuedAt } of found) oldestQueuedAt = Math.min(queuedAt, oldestQueuedAt ?? queuedAt);
  }
  const [tasks, failing, notifications] = [zeros(TASK_KINDS), zeros(TASK_KINDS), new Map<string, number>()];
  // A notifier that has nothing pending is shown, too: its place in the stream tells that there is one.
  for (const { id } of await all('cursors')) notifications.set(id, 0);
  for (const kind of TASK_KINDS)
    for (const task of await all('tasks', { kind })) {
      add(tasks, task.kind);
      if (task.attempts > 0) add(failing, task.kind);
      if (task.kind === 'notify') add(notifications, task.notifier);
    }
  const leases = zeros(LEASE_KINDS);
  for (const { id, holder } of await all('leases')) if (holder !== null) add(leases, leaseKind(id));
  const instances = new Map<string, number>();
  for (const state of INSTANCE_STATES) instances.set(state, (await all('instances', { state })).length);
  const conditions = new Map<string, number>();
  for (const { state } of await all('conditions')) add(conditions, state);
  const hosts = (await all('hosts')).length;
  return { active, oldestQueuedAt, leases, tasks, failing, notifications, instances, conditions, hosts };
}

async function walk<C extends CollectionName>(
  store: Pick<Store, 'list'>,
  collection: C,
  where: Query<C>['where'],
  signal: AbortSignal,
): Promise<readonly Collections[C][]> {
  const found: Collections[C][] = [];
  for (let after: string | undefined; found.length < COUNT_MAX; ) {
    const query: Query<C> = {
      limit: PAGE,
      ...(where === undefined ? {} : { where }),
      ...(after === undefined ? {} : { after }),
    };
    const page = await store.list(collection, query, { signal });
    if (page.isErr()) throw new Error(page.error.message);
    found.push(...page.value.map(({ value }) => value));
    if (page.value.length < PAGE) break;
    after = found.at(-1)?.id;
  }
  return found;
}

const zeros = (keys: readonly string[]): Map<string, number> => new Map(keys.map((key) => [key, 0]));
const add = (counts: Map<string, number>, key: string): unknown => counts.set(key, (counts.get(key) ?? 0) + 1);

/** A lease is named after what it is on: `stage:…`. */
function leaseKind(id: string): string {
  const kind = id.slice(0, Math.max(0, id.indexOf(':')));
  return (LEASE_KINDS as readonly string[]).includes(kind) ? kind : 'other';
}
