/**
 * Retires an instance: unroute → drain → stop → remove. Its routes go first, so that nobody new comes while what was accepted is
 * finished, and no route ever points to a container that is gone.
 */
import { err, okAsync, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../domain/errors.js';
import type { RetireTask } from '../domain/records.js';
import type { Spec } from '../domain/spec.js';
import { instanceView } from '../domain/views.js';
import { drain } from '../flow/drain.js';
import { instanceRef } from '../flow/flow.js';
import type { Host } from '../flow/host.js';
import type { Lease } from '../kernel/held-lease.js';
import { routine } from '../kernel/routine.js';
import type { Change, Stored } from '../ports/store.js';
import { finishTask, unroute } from './work.js';

export function retire(host: Host, task: RetireTask, lease: Lease, signal: AbortSignal): ResultAsync<void, AnyError> {
  const { call } = host;
  return routine(async function* () {
    const id = task.subject;
    const instance = yield* host.store.get('instances', id, { signal });
    const spec = yield* host.store.get('specs', id, { signal });
    if (!instance) return finishTask(host, task, lease, { changes: [], events: [], left: id }, signal);
    const pointing = yield* host.store.list('routes', { where: { instance: id } }, { signal });
    const live = pointing.find(({ value }) => value.state === 'live');
    if (live) return err(stillLive(id, live.value.id));

    // A drain of 0 says that nothing is waited for.
    const isPatient = host.proxy !== null && (spec?.value.spec.drainMs ?? 0) > 0;
    const calm = isPatient ? host.traffic.calm(signal) : () => okAsync(undefined);
    yield* calm();
    // Those that another task is to remove, or that were claimed again, too: no route outlives what it leads to.
    const others = pointing.map(({ value }) => value.id);
    yield* unroute(
      host,
      [...new Set([...task.domains, ...others])],
      { instance: id, identity: task.identities.proxy, deployment: task.deployment },
      signal,
    );
    const ref = instanceRef(host, instance.value);
    const container = yield* call(`Inspecting ${ref.name}`, signal, (o) =>
      host.runtime.inspect(ref.name, { ...o, port: null }),
    );
    if (container?.state === 'running' && spec) {
      yield* drain(host, id, spec.value.spec, task.createdAt, signal);
      yield* calm();
      const graceMs = spec.value.spec.container.stopGraceMs;
      yield* call(`Stopping ${ref.name}`, signal, (o) => host.runtime.stop(ref, { ...o, graceMs }), {
        ms: graceMs + host.settings.effectTimeoutMs,
        setting: 'effectTimeoutMs',
      });
    }
    yield* call(`Removing ${ref.name}`, signal, (o) => host.runtime.remove(ref, o));
    if (spec) await removeNetworks(host, spec, signal);
    const retired: Change[] = [
      { op: 'remove', collection: 'instances', id },
      { op: 'remove', collection: 'conditions', id },
    ];
    return finishTask(
      host,
      task,
      lease,
      {
        changes: retired,
        events: [
          {
            type: 'instance.retired',
            payload: { instance: instanceView(instance.value, []), reason: task.reason },
          },
        ],
        left: id,
      },
      signal,
    );
  });
}

const stillLive = (id: string, domain: string): AnyError =>
  failure(
    'instance-in-use',
    `The route ${domain} still points to instance ${id}, which was to go.`,
    'Deploy or roll back the stage, so that the route moves on.',
    { retryable: true },
  );

/** A network of ours that is empty now. One that cannot be removed is no reason to keep the task. */
async function removeNetworks(host: Host, spec: Stored<{ readonly spec: Spec }>, signal: AbortSignal): Promise<void> {
  for (const { name } of spec.value.spec.container.networks) {
    await host.call(`Removing network ${name}`, signal, (o) =>
      host.runtime.removeNetwork(name, { storeId: host.storeId }, o),
    );
  }
}
