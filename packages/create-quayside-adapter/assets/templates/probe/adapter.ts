import { check, type HealthProbe } from '@quayside/core/ports';
import { z } from 'zod';
import { next } from '../not-implemented.js';

const Options = z.strictObject({
  /** The machine whose addresses this process reaches; `*`: any. */
  node: z.string().default('*'),
});

export type AcmeProbeOptions = z.input<typeof Options>;

/** Opens nothing: a wrong option fails here. */
export const acmeProbe = (options: AcmeProbeOptions = {}) =>
  check('invalid-options', Options, options, 'acmeProbe').map(
    ({ node }): HealthProbe => ({
      name: 'acme',
      reaches: [{ kind: 'address', node }],

      // Asks once, and answers what came. An attempt has its own limit and a connection of its own; it judges nothing.
      check: ({ kind }) => next(kind === 'tcp' ? '`check` for `tcp`' : '`check` for `http`'),
    }),
  );
