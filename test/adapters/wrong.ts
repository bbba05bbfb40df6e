/** What many defects are made of. */
import type { CallOptions } from '@quayside/core/ports';
import { type Result, ResultAsync } from 'neverthrow';

/** Under a signal that is never aborted: what ignores its caller's. */
export const deaf = <O extends CallOptions>(options: O): O => ({ ...options, signal: new AbortController().signal });

/** A moment later, when somebody else has had a turn. */
export const later = <T, E>(work: () => PromiseLike<Result<T, E>>): ResultAsync<T, E> =>
  new ResultAsync<T, E>(Promise.resolve().then(work));

/** Nobody ever answers. */
export const never = <T, E>(): ResultAsync<T, E> => new ResultAsync<T, E>(new Promise<never>(() => {}));

/** A listener that nobody takes off. */
export const leaveListener = ({ signal }: CallOptions): void => signal.addEventListener('abort', () => {});
