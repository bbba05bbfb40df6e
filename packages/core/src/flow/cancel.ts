/**
 * Cancels. A deployment's record is its holder's to write while it runs, so who cancels it leaves a record of its own, which the terminal
 * commit of a success expects not to be there: past an accepted cancel nothing is ever committed, however late its host looks.
 */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, failure, type TaggedError } from '../domain/errors.js';
import type { CancelRecord } from '../domain/records.js';
import { routine } from '../kernel/routine.js';
import type { CallOptions } from '../ports/call.js';
import type { Change, Expectation } from '../ports/store.js';
import type { Host } from './host.js';

/** Who cancelled it and why, as far as was said. */
export type CancelCause = Partial<Pick<CancelRecord, 'by' | 'reason'>>;

/** What a cancelled deployment ends with; also what the signal of one that runs is aborted with. */
export function cancelled(
  when: 'before its commit' | 'before it began',
  cause: CancelCause = {},
): TaggedError<'cancelled'> {
  const by = cause.by ? ` by ${cause.by}` : '';
  const reason = cause.reason ? `: ${cause.reason}` : '';
  return failure(
    'cancelled',
    `The deployment was cancelled ${when}${by}${reason}.`,
    'Deploy again if it is still wanted.',
  );
}

export const noCancel = (deployment: string): Expectation => ({ collection: 'cancels', id: deployment, version: null });

/** With the end of the deployment nothing is left to be cancelled. */
export const cancelSettled = (deployment: string): Change => ({ op: 'remove', collection: 'cancels', id: deployment });

/** How a deployment ends that is to be cancelled; undefined: nobody has asked for that. */
export const askedToCancel = (
  { store }: Pick<Host, 'store'>,
  deployment: string,
  options: CallOptions,
): ResultAsync<TaggedError<'cancelled'> | undefined, AnyError> =>
  store.get('cancels', deployment, options).map((stored) => stored && cancelled('before its commit', stored.value));

/** A commit that a cancel was quicker than: the error is that cancel. */
export function orCancelled<T>(
  host: Pick<Host, 'store'>,
  deployment: string,
  committed: ResultAsync<T, AnyError>,
  options: CallOptions,
): ResultAsync<T, AnyError> {
  return routine(async function* () {
    const answer = await committed;
    if (answer.isOk()) return ok<T, AnyError>(answer.value);
    const { error } = answer;
    const isCancelled = error.kind === 'store-conflict' && 'collection' in error && error.collection === 'cancels';
    return err(isCancelled ? ((yield* askedToCancel(host, deployment, options)) ?? error) : error);
  });
}
