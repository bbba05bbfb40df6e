import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { outcomeUnknown } from '../domain/errors.js';
import type { Clock } from '../ports/clock.js';
import type { CommitReceipt, StoreError } from '../ports/store.js';
import { guard } from './routine.js';
import { sleep } from './scope.js';

/** So often, and with such pauses, a store is asked whether a commit arrived whose answer was lost. */
const LOOKS_MAX = 10;
const PAUSE_MS = 200;

/**
 * A commit that counts as made where the store has what it wrote, whatever became of its answer: else what was accepted would be
 * forgotten by the one who is to do it.
 * @param isThere looks for it; not under the commit's own signal, which may be what ended it
 */
export function confirmed(
  clock: Clock,
  commit: ResultAsync<CommitReceipt, StoreError>,
  isThere: (signal: AbortSignal) => ResultAsync<boolean, StoreError>,
): ResultAsync<void, StoreError> {
  return guard(async (): Promise<Result<void, StoreError>> => {
    const committed = await commit;
    if (committed.isOk()) return ok(undefined);
    if (!outcomeUnknown(committed.error)) return err(committed.error);
    const { signal } = new AbortController();
    for (let look = 0; look < LOOKS_MAX; look += 1) {
      const there = await isThere(signal);
      if (there.isOk()) return there.value ? ok(undefined) : err(committed.error);
      await sleep(clock, PAUSE_MS, signal);
    }
    return err(committed.error);
  });
}
