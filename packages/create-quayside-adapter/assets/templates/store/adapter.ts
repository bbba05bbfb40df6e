import { check, duration, type Store } from '@quayside/core/ports';
import { z } from 'zod';
import { next } from '../not-implemented.js';

const Options = z.strictObject({
  /** Where the database is. */
  url: z.string().default('acme://127.0.0.1/quayside'),
  /** How long a call may take. */
  timeout: duration().default(10_000),
});

export type AcmeStoreOptions = z.input<typeof Options>;

/** Opens no connection: a wrong option fails here, an absent database fails the first call. */
export const acmeStore = (options: AcmeStoreOptions = {}) =>
  check('invalid-options', Options, options, 'acmeStore').map(
    (_options): Store => ({
      name: 'acme',

      // Opens the store, makes its schema, and answers the id that was drawn when it was made.
      storeId: () => next('`storeId`'),

      // The only way to write: all or nothing, under fences and expectations.
      commit: () => next('`commit`'),

      // Reading: a record, an index, a stream.
      get: () => next('`get`'),
      list: () => next('`list`'),
      read: () => next('`read`'),

      close: () => next('`close`'),

      // Optional: subscribe. Without it followers look every 250 ms.
    }),
  );
