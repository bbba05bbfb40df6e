import { err, ok, type ResultAsync } from 'neverthrow';
import type { BugError } from '../domain/errors.js';
import { guard } from '../kernel/routine.js';
import type { Clock, Ids } from '../ports/clock.js';
import type { Change, CommitOptions, Store, StoreError } from '../ports/store.js';
import { appendEvents, emitEvents, eventEntries } from './drafts.js';
import type { EventHub } from './hub.js';
import type { EventDraft } from './types.js';

/**
 * Commits changes with the events that they make true, and tells this process of them. Answers whether it went through: a record that is
 * not as expected any more is another's, who was quicker, and nothing was changed.
 */
export function commitAndTell(
  host: { readonly store: Pick<Store, 'commit'>; readonly hub: EventHub; readonly clock: Clock; readonly ids: Ids },
  changes: readonly Change[],
  events: readonly EventDraft[],
  options: CommitOptions,
): ResultAsync<boolean, StoreError | BugError> {
  const entries = eventEntries(host, events);
  return guard(async () => {
    const committed = await host.store.commit([...changes, ...appendEvents(entries)], options);
    if (committed.isErr())
      return committed.error.kind === 'store-conflict' ? ok<boolean, StoreError>(false) : err(committed.error);
    emitEvents(host.hub, entries);
    return ok(true);
  });
}
