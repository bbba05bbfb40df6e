/** Pins: an instance that is neither evicted nor expires. A record of its own, so that no stage's lease is needed for it. */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../domain/errors.js';
import type { PinRecord } from '../domain/records.js';
import type { Instance } from '../domain/views.js';
import { audited } from '../events/audit.js';
import { appendEvents, emitEvents, eventEntries } from '../events/drafts.js';
import type { Host } from '../flow/host.js';
import { confirmed } from '../kernel/confirm.js';
import { routine } from '../kernel/routine.js';
import type { Change } from '../ports/store.js';
import { instanceOf } from './queries.js';
import { unknownInstance } from './unknown.js';

/** How often a commit that met somebody else's writing is tried again. */
const RACES_MAX = 10;

/** Idempotent: what is as wanted already stays as it is, and nothing is told. */
export function setPinned(
  host: Host,
  { instance: id, by = null }: { readonly instance: string; readonly by?: string | null | undefined },
  isPinned: boolean,
  signal: AbortSignal,
): ResultAsync<Instance, AnyError> {
  const { clock, store } = host;
  return routine(async function* () {
    for (let race = 1; ; race += 1) {
      const instance = yield* store.get('instances', id, { signal });
      if (!instance) return err(unknownInstance(id));
      if (isPinned && instance.value.state === 'retiring') return err(retiring(id));
      const pin = yield* store.get('pins', id, { signal });
      const view = { ...(yield* instanceOf(host, instance.value, { signal })), isPinned };
      if (isPinned === (pin !== undefined)) return ok<Instance, AnyError>(view);
      const record: PinRecord = { id, at: clock.now(), by };
      const change: Change = isPinned
        ? { op: 'insert', collection: 'pins', record }
        : { op: 'remove', collection: 'pins', id, version: pin?.version ?? 0 };
      const type = isPinned ? ('instance.pinned' as const) : ('instance.unpinned' as const);
      const act = isPinned ? 'pin' : 'unpin';
      const asked = audited(host, { act, by, of: instance.value, tag: instance.value.tag, subject: id });
      const entries = eventEntries(host, [{ type, payload: { instance: view, by } }, ...asked.events]);
      // As the instance is now: who retires it and who pins it do not both succeed.
      const expect = [{ collection: 'instances' as const, id, version: instance.version }];
      const committed = await confirmed(
        host,
        store.commit([change, ...asked.changes, ...appendEvents(entries)], { signal, expect }),
        (own) => store.get('pins', id, { signal: own }).map((found) => isPinned === (found !== undefined)),
      );
      if (committed.isOk()) {
        emitEvents(host.hub, entries);
        return ok<Instance, AnyError>(view);
      }
      if (committed.error.kind !== 'store-conflict' || race >= RACES_MAX) return err(committed.error);
    }
  });
}

const retiring = (id: string): AnyError =>
  failure(
    'unknown-instance',
    `Instance ${id} retires already: it cannot be pinned any more.`,
    'Deploy its tag again, and pin what that makes.',
  );
