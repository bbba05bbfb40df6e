/**
 * Deliveries that were accepted, in the store: a delivery is answered once it is kept, and what a process has not looked into when it dies the
 * next start, or another process, takes up.
 *
 * Each is one record, whose id is made of what the sender calls it and of its body. It is inserted, so that of two that are the same, in
 * whatever processes, one is refused by the store itself. Ids begin with their day, and are forgotten on the day after the next.
 */
import { createHash } from 'node:crypto';
import {
  type AnnouncedPush,
  CHANGES_MAX,
  type Change,
  type Clock,
  type DeliveryRecord,
  type Store,
  type StoreError,
} from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';

const DAY_MS = 86_400_000;

export interface Delivery {
  readonly id: string;
  readonly source: string;
  readonly at: number;
  readonly pushes: readonly AnnouncedPush[];
}

export interface Inbox {
  /** @param marks what makes it unique: if one of them was seen within the last day, it is a duplicate */
  accept(
    source: string,
    marks: readonly string[],
    pushes: readonly AnnouncedPush[],
    signal: AbortSignal,
  ): Promise<Result<{ readonly isNew: boolean; readonly delivery: Delivery }, StoreError>>;
  /** They were looked into. */
  done(deliveries: readonly Delivery[], signal: AbortSignal): Promise<Result<void, StoreError>>;
  /** Those that are older than this and were not. */
  left(olderThanMs: number, signal: AbortSignal): Promise<Result<readonly Delivery[], StoreError>>;
  /** Forgets the days before yesterday. */
  prune(signal: AbortSignal): Promise<Result<void, StoreError>>;
}

export function inboxOf(store: Store, clock: Clock): Inbox {
  const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10).replaceAll('-', '');
  const idOf = (at: number, source: string, mark: string) =>
    `${dayOf(at)}/${createHash('sha256').update(`${source}\n${mark}`).digest('base64url').slice(0, 32)}`;

  const commit = async (changes: readonly Change[], signal: AbortSignal): Promise<Result<void, StoreError>> => {
    for (let from = 0; from < changes.length; from += CHANGES_MAX) {
      const written = await store.commit(changes.slice(from, from + CHANGES_MAX), { signal });
      if (written.isErr()) return err(written.error);
    }
    return ok(undefined);
  };

  return {
    async accept(source, marks, pushes, signal) {
      const at = clock.now();
      const ids = marks.map((mark) => idOf(at, source, mark));
      const delivery: Delivery = { id: ids[0] ?? '', source, at, pushes };
      for (const mark of marks) {
        const seen = await store.get('deliveries', idOf(at - DAY_MS, source, mark), { signal });
        if (seen.isErr()) return err(seen.error);
        if (seen.value) return ok({ isNew: false, delivery });
      }
      const records = ids.map(
        (id, index): DeliveryRecord =>
          index === 0 ? { id, source, at, state: 'accepted', pushes } : { id, source, at, state: 'done', pushes: [] },
      );
      const written = await commit(
        records.map((record) => ({ op: 'insert', collection: 'deliveries', record })),
        signal,
      );
      if (written.isOk()) return ok({ isNew: true, delivery });
      return written.error.kind === 'store-conflict' ? ok({ isNew: false, delivery }) : err(written.error);
    },

    done: (deliveries, signal) =>
      commit(
        deliveries.map(({ id, source, at }) => ({
          op: 'put',
          collection: 'deliveries',
          record: { id, source, at, state: 'done', pushes: [] },
        })),
        signal,
      ),

    async left(olderThanMs, signal) {
      const found = await store.list('deliveries', { where: { state: 'accepted' } }, { signal });
      return found.map((records) =>
        records.map(({ value }) => value).filter(({ at }) => clock.now() - at >= olderThanMs),
      );
    },

    async prune(signal) {
      const yesterday = dayOf(clock.now() - DAY_MS);
      for (;;) {
        const oldest = await store.list('deliveries', { limit: CHANGES_MAX }, { signal });
        if (oldest.isErr()) return err(oldest.error);
        const gone = oldest.value.filter(({ value }) => value.id.slice(0, 8) < yesterday);
        if (gone.length === 0) return ok(undefined);
        const removed = await commit(
          gone.map(({ value }) => ({ op: 'remove', collection: 'deliveries', id: value.id })),
          signal,
        );
        if (removed.isErr()) return removed;
      }
    },
  };
}
