import type { ResultAsync } from 'neverthrow';
import { type AnyError, QuaysideError } from '../domain/errors.js';
import type { Host } from '../flow/host.js';
import { scope, sleep } from '../kernel/scope.js';

/** Where the store tells nothing, and where it does: it might have missed something, so it is looked again all the same. */
const BLIND_MS = 250;
const TOLD_MS = 5_000;

/** Lets a follower sleep until the store may have something new. Listens from the moment it is made, so that nothing is missed. */
export function storeNews(
  host: Pick<Host, 'store' | 'clock' | 'ended'>,
  blindMs = BLIND_MS,
): {
  next(signal: AbortSignal): Promise<void>;
  end(): void;
} {
  let isNew = false;
  let wake: (() => void) | undefined;
  const unsubscribe = host.store.subscribe?.(() => {
    isNew = true;
    wake?.();
  });
  return {
    async next(signal) {
      if (isNew) {
        isNew = false;
        return;
      }
      const woken = scope(host.clock, [signal, host.ended]);
      wake = () => woken.abort();
      await sleep(host.clock, unsubscribe ? TOLD_MS : blindMs, woken.signal);
      woken.end();
      wake = undefined;
      isNew = false;
    },
    end() {
      unsubscribe?.();
    },
  };
}

/** For async iterables, which throw: the value, or the error as an exception. */
export async function orThrow<T>(result: ResultAsync<T, AnyError>): Promise<T> {
  const settled = await result;
  if (settled.isErr()) throw new QuaysideError(settled.error);
  return settled.value;
}
