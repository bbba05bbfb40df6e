import type { ResultAsync } from 'neverthrow';
import { failure } from '../domain/errors.js';
import type { Clock } from '../ports/clock.js';
import type { Sealer, SealerError } from '../ports/sealer.js';
import { bounded } from './scope.js';

/** A sealer may be the host's own, and ask a service far away: with a bound and a guard what hangs or throws is an error like any other. */
export function boundedSealer(sealer: Sealer, clock: Clock, limitMs: number): Sealer {
  const call = (what: string, work: () => ResultAsync<string, SealerError>): ResultAsync<string, SealerError> =>
    bounded(clock, [], { what, ms: limitMs, setting: 'effectTimeoutMs' }, work).mapErr((error) =>
      error.kind === 'secret-unreadable'
        ? error
        : failure('secret-unreadable', error.message, error.hint, { retryable: error.retryable, cause: error }),
    );
  return {
    seal: (value, context) => call('Sealing a value', () => sealer.seal(value, context)),
    open: (sealed, context) => call('Opening a sealed value', () => sealer.open(sealed, context)),
    ...(sealer.isCurrent ? { isCurrent: (sealed: string) => sealer.isCurrent?.(sealed) ?? false } : {}),
    fingerprint: (text) => call('Hashing the configuration', () => sealer.fingerprint(text)),
  };
}
