/** What tasks share: calls that are bounded, writes at the proxy under the leases that cover them, and the commit that ends a task. */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, bug, failure } from '../domain/errors.js';
import type { DeploymentRecord, TaskRecord } from '../domain/records.js';
import { deploymentView } from '../domain/views.js';
import { appendEvents, emitEvents, eventEntries } from '../events/drafts.js';
import type { EventDraft } from '../events/types.js';
import type { Host } from '../flow/host.js';
import { writeLeases } from '../flow/writes.js';
import type { Lease } from '../kernel/held-lease.js';
import { routine } from '../kernel/routine.js';
import { effectUnder, releaseAll } from '../kernel/under-leases.js';
import type { Change } from '../ports/store.js';

/** How often a commit that met another writer of the same deployment's record is tried again. */
const RACES_MAX = 20;

/**
 * Removes routes at the proxy, and then their records, as far as they are still those that the task means. Both under the leases that
 * cover them: whoever claims a domain afterwards finds it free.
 */
export function unroute(
  host: Host,
  domains: readonly string[],
  terms: { readonly instance: string | null; readonly identity: string | null; readonly deployment: string | null },
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  const { call } = host;
  return routine(async function* () {
    const { proxy } = host;
    if (domains.length === 0) return ok<void, AnyError>(undefined);
    if (!proxy) return err(noProxy(domains));
    const taken = yield* host.leases.take(writeLeases(host, terms.identity, domains), {
      signal,
      deployment: terms.deployment,
    });
    try {
      // What a holder before had begun may still arrive: what is read before that is soon no longer so.
      for (const lease of taken.leases) yield* lease.mayStart(host.settings.effectTimeoutMs, { signal });
      const changes: Change[] = [];
      for (const domain of domains) {
        const record = yield* host.store.get('routes', domain, { signal });
        const held = yield* call(`Reading the route ${domain}`, signal, (o) => proxy.get(domain, o));
        const isLeaving =
          record?.value.state === 'leaving' && (terms.instance ?? record.value.instance) === record.value.instance;
        const mark = record?.value.mark ?? held?.mark ?? '';
        const serves = held?.targets.some(({ instance }) => instance !== null && instance === terms.instance) ?? false;
        // Claimed again since: what the new owner has put there is the new owner's; what still leads to us goes.
        const isStale = held !== undefined && serves;
        if (held && held.mark === mark && mark.startsWith(host.storeId) && (isLeaving || isStale)) {
          yield* effectUnder(taken.leases, host.settings.effectTimeoutMs, { signal }, () =>
            call(`Removing the route ${domain}`, signal, (o) => proxy.remove({ domain, mark }, o)),
          );
        }
        if (record && isLeaving)
          changes.push({ op: 'remove', collection: 'routes', id: domain, version: record.version });
      }
      if (changes.length > 0)
        yield* host.store.commit(changes, { signal, fence: taken.leases.map(({ fence }) => fence) });
      return ok<void, AnyError>(undefined);
    } finally {
      await releaseAll(taken.leases);
    }
  });
}

const noProxy = (domains: readonly string[]): AnyError =>
  failure(
    'unsupported',
    `This host has no proxy, and ${domains.join(', ')} have to be removed at one.`,
    'Run this on a host that has it.',
    { retryable: true },
  );

/** Ends a task in one commit: what it has changed, the deployment's `cleanup` if it was the last one, and the events of both. */
export function finishTask(
  host: Host,
  task: TaskRecord,
  lease: Lease,
  ending: { readonly changes: readonly Change[]; readonly events: readonly EventDraft[]; readonly left: string | null },
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  return routine(async function* () {
    for (let race = 0; race < RACES_MAX; race += 1) {
      const cleanup = yield* cleanupOf(host, task, ending.left, signal);
      const entries = eventEntries(host, [...ending.events, ...cleanup.events]);
      const release = await lease.releaseChange();
      const committed = await host.call('Ending the task', signal, (options) =>
        host.store.commit(
          [
            ...ending.changes,
            { op: 'remove', collection: 'tasks', id: task.id },
            ...cleanup.changes,
            ...appendEvents(entries),
            release,
          ],
          { ...options, fence: [lease.fence] },
        ),
      );
      if (committed.isOk()) {
        lease.released();
        emitEvents(host.hub, entries);
        return ok(undefined);
      }
      const { error } = committed;
      const isRace = error.kind === 'store-conflict' && 'collection' in error && error.collection === 'deployments';
      if (!isRace) return err(error);
    }
    return err(bug(new Error(`The deployment's record changed ${RACES_MAX} times while a task was ended.`)));
  });
}

/** What the end of this task means for its deployment. */
function cleanupOf(host: Host, task: TaskRecord, left: string | null, signal: AbortSignal) {
  return routine(async function* () {
    const none = { changes: [] as Change[], events: [] as EventDraft[] };
    const { deployment: id } = task;
    if (id === null) return ok(none);
    const deployment = yield* host.store.get('deployments', id, { signal });
    const tasks = yield* host.store.list('tasks', { where: { deployment: id } }, { signal });
    if (deployment?.value.cleanup !== 'pending') return ok(none);
    const isLast = !tasks.some(({ value }) => value.id !== task.id && value.kind !== 'notify');
    const record: DeploymentRecord = {
      ...deployment.value,
      cleanup: isLast ? 'done' : 'pending',
      needsHost: isLast ? null : deployment.value.needsHost,
      left: isLast ? [] : deployment.value.left.filter((each) => left === null || !each.includes(left)),
      writeId: host.ids.next(host.clock.now()),
    };
    const cleaned: EventDraft = { type: 'deployment.cleaned', payload: { deployment: deploymentView(record) } };
    return ok({
      changes: [{ op: 'put', collection: 'deployments', record, version: deployment.version }] as Change[],
      events: isLast ? [cleaned] : [],
    });
  });
}
