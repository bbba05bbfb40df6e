import type { ResultAsync } from 'neverthrow';
import type { TaggedError } from '../domain/errors.js';
import type { KeepsSecrets } from './secrets.js';

export type SealerError = TaggedError<'secret-unreadable'>;

/** Encrypts what the store must keep of secrets. The key is the host's. */
export interface Sealer extends KeepsSecrets {
  /**
   * @param context what the value belongs to (`env:NAME`): sealed in with it, so that a value cannot be moved elsewhere
   * @returns text that only `open` with the same context reads; the same value twice gives two texts
   */
  seal(value: string, context: string): ResultAsync<string, SealerError>;
  /** Answers `secret-unreadable` where no key fits or the text or its context was changed. */
  open(sealed: string, context: string): ResultAsync<string, SealerError>;
  /** Whether it was sealed with the key that seals now. Absent: nobody can tell, and a change of keys seals everything anew each time. */
  isCurrent?(sealed: string): boolean;
  /** A keyed hash: equal texts have equal ones, and without the key nobody can try values against it. */
  fingerprint(text: string): ResultAsync<string, SealerError>;
}
