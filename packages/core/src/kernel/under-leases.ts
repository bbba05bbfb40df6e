/** What is done under leases that are held, and how they are given back. */
import type { Result, ResultAsync } from 'neverthrow';
import { type AnyError, type BugError, outcomeUnknown } from '../domain/errors.js';
import type { CallOptions } from '../ports/call.js';
import type { LeaseLostError, StoreError } from '../ports/store.js';
import type { Lease } from './held-lease.js';
import { routine } from './routine.js';

/** An effect that these leases cover: it starts when all of them outlast `limitMs`, and they remember that it may still be under way. */
export function effectUnder<T, E extends AnyError>(
  leases: readonly Lease[],
  limitMs: number,
  options: CallOptions,
  effect: () => PromiseLike<Result<T, E>>,
): ResultAsync<T, E | LeaseLostError | StoreError | BugError> {
  return routine(async function* () {
    for (const lease of leases) yield* lease.mayStart(limitMs, options);
    const ended = await effect();
    if (ended.isErr() && outcomeUnknown(ended.error)) for (const lease of leases) lease.unsettled();
    return ended;
  });
}

/** Frees them, whatever has ended the work: under no signal of its. */
export async function releaseAll(leases: readonly Lease[]): Promise<void> {
  const { signal } = new AbortController();
  await Promise.all(leases.map((lease) => lease.release({ signal })));
}
