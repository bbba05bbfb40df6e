import { type AnyError, bug } from '@quayside/core/ports';

/** What an iterable of the deployer throws is a `QuaysideError` with the tagged error in it; anything else is a bug. */
export const thrownError = (thrown: unknown): AnyError =>
  // By its shape: a program can have the core twice, as a module of either kind.
  thrown instanceof Error && thrown.name === 'QuaysideError' && 'error' in thrown
    ? (thrown.error as AnyError)
    : bug(thrown);
