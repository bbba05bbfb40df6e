/** What is wrong with an instance, on record and told: once per change, whichever of several hosts has seen it first. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { ConditionRecord, InstanceCondition, InstanceRecord } from '../domain/records.js';
import { instanceView } from '../domain/views.js';
import { commitAndTell } from '../events/commit.js';
import { isHeldAt } from '../flow/holding.js';
import type { Host } from '../flow/host.js';
import { routine } from '../kernel/routine.js';
import type { Container } from '../ports/container-runtime.js';
import type { Change } from '../ports/store.js';

/** Writes it down and tells it, where it is another one than before. */
export function mark(
  host: Host,
  instance: InstanceRecord,
  state: InstanceCondition['state'] | null,
  container: Container | undefined,
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  const { store } = host;
  return routine(async function* () {
    const known = yield* store.get('conditions', instance.id, { signal });
    if ((known?.value.state ?? null) === state) return ok(undefined);
    // One that goes is its task's, and what is wrong with it nobody's any more.
    const now = yield* store.get('instances', instance.id, { signal });
    if (now?.value.state !== 'running') return ok(undefined);
    const condition: InstanceCondition | null = state && {
      state,
      since: host.clock.now(),
      exitCode: container?.exitCode ?? null,
      oomKilled: container?.oomKilled ?? false,
      restarts: container?.restarts ?? 0,
    };
    const isHeld = yield* isHeldAt(store, instance, signal);
    const domains = yield* store.list('routes', { where: { instance: instance.id } }, { signal });
    const view = instanceView(
      now.value,
      domains.map(({ value }) => value.id),
      { condition, isHeld },
    );
    // If somebody is quicker, another host has told it, or it goes.
    yield* commitAndTell(
      host,
      [change(instance, condition, known?.version)],
      [{ type: 'instance.condition', payload: { instance: view, condition } }],
      { signal, expect: [{ collection: 'instances', id: instance.id, version: now.version }] },
    );
    return ok(undefined);
  });
}

function change(
  { id, stageKey }: InstanceRecord,
  condition: InstanceCondition | null,
  version: number | undefined,
): Change {
  if (!condition) return { op: 'remove', collection: 'conditions', id, ...(version === undefined ? {} : { version }) };
  const record: ConditionRecord = { id, stageKey, ...condition };
  return version === undefined
    ? { op: 'insert', collection: 'conditions', record }
    : { op: 'put', collection: 'conditions', record, version };
}
