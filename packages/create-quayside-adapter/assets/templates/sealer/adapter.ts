import { check, type Sealer } from '@quayside/core/ports';
import { z } from 'zod';
import { nextIs } from '../not-implemented.js';

const Options = z.strictObject({
  /** Which key of the vault seals. */
  key: z.string().min(1),
});

export type AcmeSealerOptions = z.input<typeof Options>;

/** Opens no connection: a wrong option fails here, an absent vault fails the first call. */
export const acmeSealer = (options: AcmeSealerOptions) =>
  check('invalid-options', Options, options, 'acmeSealer').map(
    (_options): Sealer => ({
      // A text that only `open` with the same key and context reads; the same value twice gives two.
      seal: () => nextIs('`seal`'),
      // `secret-unreadable` where no key fits, or text or context was changed.
      open: () => nextIs('`open`'),
      // A keyed hash.
      fingerprint: () => nextIs('`fingerprint`'),
    }),
  );
