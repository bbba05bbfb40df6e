/** The store's stream of events: the newest `keepEvents` stay, and whatever a notifier has not been told of. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { EVENT_STREAM, type StoredEvent } from '../events/types.js';
import type { Host } from '../flow/host.js';
import { allOf } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import { type PruneRun, remove, tidy } from './run.js';

/** A notifier that no host has had for so long, while more than `keepEvents` have happened, is taken for one that is gone. */
export const NOTIFIER_GONE_MS = 7 * 86_400_000;
/** Entries of one commit. */
const BATCH = 1_000;
/** It is not worth a commit for less than this share of what is kept. */
const SLACK = 1 / 20;

export function pruneEvents(run: PruneRun): ResultAsync<void, AnyError> {
  const { host, signal } = run;
  const { keepEvents } = host.settings;
  return routine(async function* () {
    const first = yield* seqAfter(host, 0, signal);
    const slack = Math.max(1, Math.floor(keepEvents * SLACK));
    // One look tells whether there is anything to do: numbers have no gaps.
    if (first === undefined || (yield* seqAfter(host, first + keepEvents + slack - 2, signal)) === undefined)
      return ok<void, AnyError>(undefined);
    const through = yield* untold(run, (yield* newest(host, first + keepEvents, signal)) - keepEvents);
    for (let from = first; from <= through; from += BATCH) {
      const upTo = Math.min(through, from + BATCH - 1);
      yield* remove(run, { events: upTo - from + 1 }, [{ op: 'trim', stream: EVENT_STREAM, through: upTo }]);
    }
    return ok<void, AnyError>(undefined);
  });
}

/** The number of the first entry behind this one; undefined where there is none. */
const seqAfter = (host: Host, after: number, signal: AbortSignal) =>
  host.store.read(EVENT_STREAM, { after, limit: 1 }, { signal }).map(([entry]) => entry?.seq);

/** The newest entry's number: the store reads streams from their beginning only, so it is looked for in ever longer strides. */
function newest(host: Host, known: number, signal: AbortSignal): ResultAsync<number, AnyError> {
  return routine(async function* () {
    let there = known;
    let absent = known + BATCH;
    while ((yield* seqAfter(host, absent - 1, signal)) !== undefined) {
      const stride = 2 * (absent - there);
      there = absent;
      absent += stride;
    }
    while (absent - there > 1) {
      const middle = Math.floor((there + absent) / 2);
      if ((yield* seqAfter(host, middle - 1, signal)) === undefined) absent = middle;
      else there = middle;
    }
    return ok<number, AnyError>(there);
  });
}

/** How far up to `wanted` every notifier has been told. The place of one that is gone for good goes, else nothing ever would again. */
function untold(run: PruneRun, wanted: number): ResultAsync<number, AnyError> {
  const { host, signal } = run;
  return routine(async function* () {
    let through = wanted;
    for (const { value: cursor, version } of yield* allOf(host.store, 'cursors', {}, { signal })) {
      if (cursor.after >= through) continue;
      const [entry] = yield* host.store.read(EVENT_STREAM, { after: cursor.after, limit: 1 }, { signal });
      const ageMs = host.clock.now() - ((entry?.value as StoredEvent | undefined)?.time ?? host.clock.now());
      const isOwn = host.notifiers.some(({ name }) => name === cursor.id);
      if (isOwn || ageMs < NOTIFIER_GONE_MS) through = cursor.after;
      else if (!run.dryRun) yield* tidy(run, [{ op: 'remove', collection: 'cursors', id: cursor.id, version }]);
    }
    return ok<number, AnyError>(through);
  });
}
