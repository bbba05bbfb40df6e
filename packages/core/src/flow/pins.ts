import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { InstanceRecord } from '../domain/records.js';
import { routine } from '../kernel/routine.js';
import type { Store } from '../ports/store.js';

/** Which of these are pinned. Most stores have no pin at all, which takes one look. */
export function pinnedOf(
  store: Pick<Store, 'get' | 'list'>,
  instances: readonly Pick<InstanceRecord, 'id'>[],
  signal: AbortSignal,
): ResultAsync<ReadonlySet<string>, AnyError> {
  return routine(async function* () {
    const pinned = new Set<string>();
    const some = instances.length > 0 ? yield* store.list('pins', { limit: 1 }, { signal }) : [];
    if (some.length > 0) for (const { id } of instances) if (yield* store.get('pins', id, { signal })) pinned.add(id);
    return ok<ReadonlySet<string>, AnyError>(pinned);
  });
}
