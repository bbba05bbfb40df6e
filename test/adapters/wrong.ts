/** What many defects are made of. */
import { type BugError, bug, type CallOptions } from '@quayside/core/ports';
import { errAsync, okAsync, type Result, ResultAsync } from 'neverthrow';

/** Under a signal that is never aborted: what ignores its caller's. */
export const deaf = <O extends CallOptions>(options: O): O => ({ ...options, signal: new AbortController().signal });

/** A moment later, when somebody else has had a turn. */
export const later = <T, E>(work: () => PromiseLike<Result<T, E>>): ResultAsync<T, E> =>
  new ResultAsync<T, E>(Promise.resolve().then(work));

/** Nobody ever answers. */
export const never = <T, E>(): ResultAsync<T, E> => new ResultAsync<T, E>(new Promise<never>(() => {}));

/** A listener that nobody takes off. */
export const leaveListener = ({ signal }: CallOptions): void => signal.addEventListener('abort', () => {});

/** It has another identity with each call. */
export function changing<Is extends { readonly identity: string }, E>(
  describe: (options: CallOptions) => ResultAsync<Is, E>,
): { describe(options: CallOptions): ResultAsync<Is, E> } {
  let calls = 0;
  return {
    describe: (options) =>
      describe(options).map((is) => {
        calls += 1;
        return { ...is, identity: `${is.identity}-${calls}` };
      }),
  };
}

/** It can be closed once. */
export function closesOnce(): { close(): ResultAsync<void, BugError> } {
  let isClosed = false;
  return {
    close() {
      if (isClosed) return errAsync(bug(new Error('It is closed already.')));
      isClosed = true;
      return okAsync(undefined);
    },
  };
}
