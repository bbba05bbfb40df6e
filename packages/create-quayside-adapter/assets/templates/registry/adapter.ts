import { check, duration, type Registry } from '@quayside/core/ports';
import { z } from 'zod';
import { next } from '../not-implemented.js';

const Options = z.strictObject({
  /** How long the registry may take to answer a request. */
  timeout: duration().default(10_000),
  /** Tags per page that are asked for. */
  pageSize: z.int().positive().default(1_000),
});

export type AcmeRegistryOptions = z.input<typeof Options>;

/** Opens no connection: a wrong option fails here, an absent registry fails the first call. */
export const acmeRegistry = (options: AcmeRegistryOptions = {}) =>
  check('invalid-options', Options, options, 'acmeRegistry').map(
    (_options): Registry => ({
      name: 'acme',

      // What a reference points to now, without a pull.
      resolve: () => next('`resolve`'),

      // Every tag of a repository, however many pages that takes.
      tags: () => next('`tags`'),
    }),
  );
