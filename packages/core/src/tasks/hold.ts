/** Finishes a change of a stage's maintenance that was broken off: its routes tell visitors what the record says, whichever of the two that is. */
import { err, ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { HoldTask } from '../domain/records.js';
import { holdRoutes, visitedRoutes } from '../flow/hold-routes.js';
import type { Host } from '../flow/host.js';
import { isMoving } from '../flow/journals.js';
import { readStage } from '../flow/stage-state.js';
import { writeLeases } from '../flow/writes.js';
import type { Lease } from '../kernel/held-lease.js';
import { routine } from '../kernel/routine.js';
import { releaseAll } from '../kernel/under-leases.js';
import { finishTask } from './work.js';

/**
 * The routes' leases are enough, as healing has it: a change of the record is committed under them, and a deployment may hold its stage's for
 * minutes. `busy` and `unknown` are of who holds them now.
 */
export function agree(
  host: Host,
  task: HoldTask,
  lease: Lease,
  signal: AbortSignal,
): ResultAsync<'done' | 'busy' | 'unknown', AnyError> {
  type End = 'done' | 'busy' | 'unknown';
  const { stageKey } = task;
  return routine(async function* () {
    const domains = visitedRoutes((yield* readStage(host, stageKey, signal)).routes).map(({ value }) => value.id);
    const keys = writeLeases(host, task.identities.proxy, domains);
    const taken = await host.leases.take(keys, { signal, deployment: null, once: true });
    if (taken.isErr()) {
      if (taken.error.kind !== 'stage-busy') return err(taken.error);
      for (const key of keys) {
        const row = yield* host.store.get('leases', key, { signal });
        if (host.leases.standing(row?.value) === 'unknown') return ok<End, AnyError>('unknown');
      }
      return ok<End, AnyError>('busy');
    }
    const { leases } = taken.value;
    try {
      // What was read without the leases was a reason to take them, and no more.
      if (!(yield* host.store.get('tasks', task.id, { signal }))) return ok<End, AnyError>('done');
      const { stage, routes } = yield* readStage(host, stageKey, signal);
      const covered = visitedRoutes(routes).filter(({ value }) => domains.includes(value.id));
      for (const domain of domains)
        if (yield* isMoving(host.store, stageKey, domain, signal)) return ok<End, AnyError>('busy');
      const changes = yield* holdRoutes(host, covered, stage?.value.maintenance ?? null, { leases, signal });
      yield* finishTask(host, task, lease, { changes, events: [], left: null }, signal);
      return ok<End, AnyError>('done');
    } finally {
      await releaseAll(leases);
    }
  });
}
