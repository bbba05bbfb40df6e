import type { BugError } from '@quayside/core/ports';
import { errAsync, type ResultAsync } from 'neverthrow';

/** What is not there yet, as the laws tell it. When nobody imports this file any more, the adapter is done. */
const text = (what: string) => `not implemented: next implement ${what}`;

/** The answer of a method that is not there yet. */
export const next = (what: string): ResultAsync<never, BugError> =>
  errAsync({
    kind: 'bug',
    message: text(what),
    hint: 'Read its section of the guide, then write it.',
    retryable: false,
  });

/** The same where nothing is answered: of a stream, or of what the laws stand on. */
export function nextIs(what: string): never {
  throw new Error(text(what));
}
