import { check, duration, type Notifier } from '@quayside/core/ports';
import { z } from 'zod';
import { next } from '../not-implemented.js';

const Options = z.strictObject({
  /** Where the receiver listens. It may hold a token: no error shows it. */
  url: z.url(),
  /** Unique among a deployer's notifiers, and stable. */
  name: z.string().min(1).default('acme'),
  /** Bounds one call. */
  timeout: duration().default(10_000),
});

export type AcmeNotifierOptions = z.input<typeof Options>;

/** Opens no connection: a wrong option fails here, an absent receiver fails the first call. */
export const acmeNotifier = (options: AcmeNotifierOptions) =>
  check('invalid-options', Options, options, 'acmeNotifier').map(
    ({ name }): Notifier => ({
      name,

      // Tells one message, under the id that it has. The outbox calls again where the error is retryable.
      notify: () => next('`notify`'),
    }),
  );
