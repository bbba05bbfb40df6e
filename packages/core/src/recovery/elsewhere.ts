/** Tasks that were made through another engine or proxy, and that nobody who has it does: their deployments are marked, for people. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { DeploymentRecord, Identities, TaskRecord } from '../domain/records.js';
import type { RecoveryReport } from '../domain/reports.js';
import { deploymentView } from '../domain/views.js';
import { commitAndTell } from '../events/commit.js';
import { needsHostEvents } from '../flow/fail.js';
import type { Host } from '../flow/host.js';
import { neededHost } from '../flow/settle.js';
import { allOf } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import { leaseOf } from '../tasks/handlers.js';

/** A host that could do it would have done so by then, or would have said when it tries again. */
const OVERDUE_MS = 60_000;

export function markElsewhere(
  host: Host,
  here: Identities,
  signal: AbortSignal,
): ResultAsync<RecoveryReport['needsHost'], AnyError> {
  return routine(async function* () {
    const left: { deployment: string; reason: string }[] = [];
    for (const { value: task } of yield* allOf(host.store, 'tasks', {}, { signal })) {
      if (task.kind === 'notify' || task.deployment === null) continue;
      const reason = neededHost(task.identities, here);
      if (reason === null || host.clock.now() - task.dueAt < OVERDUE_MS) continue;
      if (yield* isAtIt(host, task, signal)) continue;
      yield* mark(host, task.deployment, reason, signal);
      left.push({ deployment: task.deployment, reason });
    }
    return ok<RecoveryReport['needsHost'], AnyError>(left);
  });
}

/** A long drain, for one. */
const isAtIt = (host: Host, task: TaskRecord, signal: AbortSignal): ResultAsync<boolean, AnyError> =>
  host.store
    .get('leases', leaseOf(task), { signal })
    .map((lease) => ['alive', 'unknown'].includes(host.leases.standing(lease?.value)));

function mark(host: Host, id: string, needsHost: string, signal: AbortSignal): ResultAsync<void, AnyError> {
  return routine(async function* () {
    const stored = yield* host.store.get('deployments', id, { signal });
    if (!stored || stored.value.needsHost === needsHost || stored.value.cleanup !== 'pending') return ok(undefined);
    const record: DeploymentRecord = { ...stored.value, needsHost, writeId: host.ids.next(host.clock.now()) };
    const change = { op: 'put', collection: 'deployments', record, version: stored.version } as const;
    const events = needsHostEvents(deploymentView(record), stored.value.needsHost);
    // Whoever is quicker is at it.
    yield* commitAndTell(host, [change], events, { signal });
    return ok(undefined);
  });
}
