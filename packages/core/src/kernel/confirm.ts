import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { outcomeUnknown } from '../domain/errors.js';
import type { Clock } from '../ports/clock.js';
import type { CommitReceipt, StoreError } from '../ports/store.js';
import { guard } from './routine.js';
import { sleep } from './scope.js';

/** How long a store that does not answer is asked whether a commit arrived whose answer was lost, and the pauses between. */
const ASKED_MS = 2_000;
const PAUSE_MS = 200;

/**
 * A commit that counts as made where the store has what it wrote, whatever became of its answer: else what was accepted would be
 * forgotten by the one who is to do it. What is not there may still be under way, until it was not there for `absentForMs`.
 * @param isThere looks for it; not under the commit's own signal, which may be what ended it
 */
export function confirmed(
  { clock, settings }: { readonly clock: Clock; readonly settings: { readonly absentForMs: number } },
  commit: ResultAsync<CommitReceipt, StoreError>,
  isThere: (signal: AbortSignal) => ResultAsync<boolean, StoreError>,
): ResultAsync<void, StoreError> {
  return guard(async (): Promise<Result<void, StoreError>> => {
    const committed = await commit;
    if (committed.isOk()) return ok(undefined);
    if (!outcomeUnknown(committed.error)) return err(committed.error);
    const { signal } = new AbortController();
    const endedMs = clock.monotonicMs();
    for (;;) {
      const there = await isThere(signal);
      if (there.isOk() && there.value) return ok(undefined);
      if (there.isErr() && there.error.kind === 'closed') return err(committed.error);
      const passedMs = clock.monotonicMs() - endedMs;
      if (passedMs >= (there.isOk() ? settings.absentForMs : Math.max(ASKED_MS, settings.absentForMs)))
        return err(committed.error);
      await sleep(clock, PAUSE_MS, signal);
    }
  });
}
