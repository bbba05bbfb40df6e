import type { ResultAsync } from 'neverthrow';
import type { AbortedError, BugError, TaggedError, TimeoutError } from '../domain/errors.js';
import type { CallOptions } from './call.js';
import type { KeepsSecrets } from './secrets.js';

export type RegistryError =
  | AbortedError
  | TimeoutError
  | BugError
  | TaggedError<'image-not-found'>
  | TaggedError<'registry-unreachable'>
  | TaggedError<'registry-denied'>;

/** What Quayside asks of an image registry. Source: OCI Distribution Specification 1.1. */
export interface Registry extends KeepsSecrets {
  readonly name: string;

  /**
   * What `repository:tag` or `repository@digest` points to now: the digest of the manifest or index. It costs no pull: a
   * HEAD, where the registry answers one.
   */
  resolve(reference: string, options: CallOptions): ResultAsync<{ readonly digest: string }, RegistryError>;

  /** Every tag of a repository, in the registry's order, however many pages that takes. */
  tags(repository: string, options: CallOptions): ResultAsync<readonly string[], RegistryError>;

  close?(): ResultAsync<void, RegistryError>;
}
