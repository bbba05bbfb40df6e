/** Which task is done how, and under which lease. */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../domain/errors.js';
import type { NotifyTask, TaskRecord, UndoTask, UnrouteTask } from '../domain/records.js';
import { stageLease } from '../flow/deploy.js';
import type { Host } from '../flow/host.js';
import { settleStage } from '../flow/settle.js';
import type { Lease } from '../kernel/held-lease.js';
import { guard, routine } from '../kernel/routine.js';
import { releaseAll } from '../kernel/under-leases.js';
import type { Message, Notifier } from '../ports/notifier.js';
import { agree } from './hold.js';
import { retire } from './retire.js';
import { finishTask, unroute } from './work.js';

/**
 * How a try of a task ended: it is done, it is another host's to do, a live one is at it now, or somebody of whom nobody can tell yet whether
 * he lives.
 */
export type TaskEnd = 'done' | 'elsewhere' | 'busy' | 'unknown';

/** The most that one try of telling somebody may take. */
const NOTIFY_MS = 30_000;

/** One try. */
export const tellOnce = (host: Host, notifier: Notifier, message: Message, signal: AbortSignal) =>
  host.call(`Telling ${notifier.name}`, signal, (options) => guard(() => notifier.notify(message, options)), {
    ms: NOTIFY_MS,
  });

/** Under which lease it is done. */
export const leaseOf = (task: TaskRecord): string => {
  if (task.kind === 'retire') return `instance:${task.subject}`;
  return task.kind === 'undo' ? stageLease(task.stageKey) : `task:${task.id}`;
};

export function doTask(host: Host, task: TaskRecord, signal: AbortSignal): ResultAsync<TaskEnd, AnyError> {
  return routine(async function* () {
    if (task.kind !== 'notify') {
      const { identities } = yield* host.surroundings({ signal });
      const { runtime, proxy } = task.identities;
      // Not in my engine is never gone.
      if (runtime !== identities.runtime || (proxy !== null && proxy !== identities.proxy))
        return ok<TaskEnd, AnyError>('elsewhere');
    } else if (!host.notifiers.some(({ name }) => name === task.notifier)) return ok<TaskEnd, AnyError>('elsewhere');
    const key = leaseOf(task);
    const taken = await host.leases.take([key], { signal, deployment: task.deployment, once: true });
    if (taken.isErr()) {
      if (taken.error.kind !== 'stage-busy') return err(taken.error);
      const row = yield* host.store.get('leases', key, { signal });
      return ok<TaskEnd, AnyError>(host.leases.standing(row?.value) === 'alive' ? 'busy' : 'unknown');
    }
    const [lease] = taken.value.leases;
    if (!lease) return ok<TaskEnd, AnyError>('busy');
    try {
      const stored = yield* host.store.get('tasks', task.id, { signal });
      return stored ? await run(host, stored.value, lease, signal) : ok<TaskEnd, AnyError>('done');
    } finally {
      await releaseAll([lease]);
    }
  });
}

function run(host: Host, task: TaskRecord, lease: Lease, signal: AbortSignal): ResultAsync<TaskEnd, AnyError> {
  const done = (): TaskEnd => 'done';
  switch (task.kind) {
    case 'retire':
      return retire(host, task, lease, signal).map(done);
    case 'unroute':
      return giveUpRoutes(host, task, lease, signal).map(done);
    case 'undo':
      return undo(host, task, lease, signal);
    case 'hold':
      return agree(host, task, lease, signal);
    case 'notify':
      return notify(host, task, lease, signal).map(done);
    default:
      return task satisfies never;
  }
}

function giveUpRoutes(host: Host, task: UnrouteTask, lease: Lease, signal: AbortSignal): ResultAsync<void, AnyError> {
  const terms = { instance: null, identity: task.identities.proxy, deployment: task.deployment };
  return unroute(host, task.domains, terms, signal).andThen(() =>
    finishTask(host, task, lease, { changes: [], events: [], left: 'route' }, signal),
  );
}

/** Settling the stage is what undoes; it removes the task with the journal. */
function undo(host: Host, task: UndoTask, lease: Lease, signal: AbortSignal): ResultAsync<TaskEnd, AnyError> {
  return routine(async function* () {
    const { identities } = yield* host.surroundings({ signal });
    const left = yield* settleStage(host, task.stageKey, lease, identities, null, signal);
    if (left.needsHost.some(({ deployment }) => deployment === task.subject)) return ok<TaskEnd, AnyError>('elsewhere');
    if (left.unfinished.includes(task.subject)) return err(stillLeft(task.subject));
    return ok<TaskEnd, AnyError>('done');
  });
}

const stillLeft = (id: string): AnyError =>
  failure(
    'interrupted',
    `The undo of deployment ${id} could not be finished yet.`,
    'Its log says why; it is tried again.',
    { retryable: true },
  );

function notify(host: Host, task: NotifyTask, lease: Lease, signal: AbortSignal): ResultAsync<void, AnyError> {
  const notifier = host.notifiers.find(({ name }) => name === task.notifier);
  return guard(async () => {
    if (notifier) {
      const message = task.message as unknown as Message;
      const told = await tellOnce(host, notifier, message, signal);
      if (told.isErr() && told.error.retryable) return err(told.error);
    }
    return finishTask(host, { ...task, deployment: null }, lease, { changes: [], events: [], left: null }, signal);
  });
}
