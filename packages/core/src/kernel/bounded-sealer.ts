import type { ResultAsync } from 'neverthrow';
import { failure } from '../domain/errors.js';
import type { Clock } from '../ports/clock.js';
import type { Sealer, SealerError } from '../ports/sealer.js';
import { guard } from './routine.js';
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
    // What it says of its failure may be what it was told.
    seal: (value, context) =>
      call('Sealing a value', () => guard(() => sealer.seal(value, context)).mapErr(() => failed('Sealing a value'))),
    open: (sealed, context) => call('Opening a sealed value', () => sealer.open(sealed, context)),
    ...(sealer.isCurrent ? { isCurrent: (sealed: string) => sealer.isCurrent?.(sealed) ?? false } : {}),
    fingerprint: (text) =>
      call('Hashing the configuration', () =>
        guard(() => sealer.fingerprint(text)).mapErr(() => failed('Hashing the configuration')),
      ),
  };
}

const failed = (what: string): SealerError =>
  failure(
    'secret-unreadable',
    `${what} failed.`,
    'Look at the sealer of this host: what it says is not shown, as it may hold the value.',
  );
