/** `cancel(id)`: from any process that shares the store, whoever runs the deployment. */
import { err, ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { type CancelRecord, type DeploymentRecord, isTerminal } from '../domain/records.js';
import { audited, UNASKED } from '../events/audit.js';
import { appendEvents, emitEvents, eventEntries } from '../events/drafts.js';
import { type CancelCause, cancelled, cancelSettled } from '../flow/cancel.js';
import type { Host } from '../flow/host.js';
import { confirmed } from '../kernel/confirm.js';
import { routine } from '../kernel/routine.js';
import { endQueued } from './endings.js';

export interface Cancelled {
  /** As it is then; undefined: there is no such deployment. */
  readonly record: DeploymentRecord | undefined;
  /** Ended in its queue; told to whoever runs it; or it had ended before. */
  readonly state: 'cancelled' | 'cancelling' | 'ended';
}

/** @param isAsked somebody asked for it, and it does not follow from a request for something else */
export function cancelDeployment(
  host: Host,
  id: string,
  cause: CancelCause,
  signal: AbortSignal,
  isAsked: boolean,
): ResultAsync<Cancelled, AnyError> {
  const { clock, store } = host;
  return routine(async function* () {
    const before = yield* store.get('deployments', id, { signal });
    const asked =
      isAsked && before && !isTerminal(before.value.status)
        ? audited(host, {
            act: 'cancel',
            by: cause.by ?? null,
            of: before.value,
            tag: before.value.tag,
            subject: id,
            detail: cause.reason ?? null,
          })
        : UNASKED;
    if (before?.value.status === 'queued') {
      const record = yield* endQueued(
        host,
        id,
        { status: 'cancelled', error: cancelled('before it began', cause), asked },
        signal,
      );
      if (record?.status === 'cancelled') return ok<Cancelled, AnyError>({ record, state: 'cancelled' });
    }
    // It may have begun meanwhile.
    const record =
      before?.value.status === 'queued' ? (yield* store.get('deployments', id, { signal }))?.value : before?.value;
    if (!record || isTerminal(record.status)) return ok<Cancelled, AnyError>({ record, state: 'ended' });
    // What is rolled back ends without being told to.
    if (record.status !== 'running') return ok<Cancelled, AnyError>({ record, state: 'cancelling' });
    const told: CancelRecord = { id, at: clock.now(), by: cause.by ?? null, reason: cause.reason ?? null };
    const entries = eventEntries(host, asked.events);
    const stored = await confirmed(
      host,
      store.commit(
        [{ op: 'insert', collection: 'cancels', record: told }, ...asked.changes, ...appendEvents(entries)],
        { signal },
      ),
      (own) => store.get('cancels', id, { signal: own }).map(Boolean),
    );
    if (stored.isOk()) emitEvents(host.hub, entries);
    // Somebody else has asked for it before: that is as good.
    else if (stored.error.kind !== 'store-conflict') return err(stored.error);
    const after = yield* store.get('deployments', id, { signal });
    if (after && !isTerminal(after.value.status))
      return ok<Cancelled, AnyError>({ record: after.value, state: 'cancelling' });
    // It had ended before it was told, and nobody else would take this away again.
    yield* store.commit([cancelSettled(id)], { signal });
    return ok<Cancelled, AnyError>({ record: after?.value, state: 'ended' });
  });
}
