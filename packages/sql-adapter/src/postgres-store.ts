import type { ConnectionOptions } from 'node:tls';
import { type Clock, check, duration, type InvalidError, type Store, systemClock } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { z } from 'zod';
import { addressOf, passwordsOf } from './postgres/place.js';
import { sqlStore } from './store.js';

export interface PostgresStoreOptions {
  /**
   * `postgresql://user:password@host:5432/database`, with the parameters that pg knows (`?sslmode=verify-full`, `?host=/run/postgresql`).
   * What it leaves out comes from the environment (`PGUSER`, `PGPASSWORD`, …). A pooler has to be in session mode.
   */
  readonly connectionString: string;
  /** Where its tables are: a schema of its own, made where there is none. Stores of several schemas share a database. Default `quayside`. */
  readonly schema?: string;
  /** TLS, where the string does not say it: `true`, or what Node's `tls.connect` takes, such as `{ ca }`. */
  readonly ssl?: boolean | ConnectionOptions;
  /** The most connections of this process at once, beside the one that listens. Default 4; idle ones go after a minute. */
  readonly connections?: number;
  /**
   * How long a call may take: for a connection, also to a server that is restarting, for locks, and for the answer. `'10s'`
   * or milliseconds; default 10 s.
   */
  readonly timeout?: string | number;
  /** Default: the host's time. */
  readonly clock?: Clock;
}

const Options = z.strictObject({
  // A `#` that is not encoded would make a host and a port of a password's beginning.
  connectionString: z.string().refine((text) => /^postgres(ql)?:\/\//.test(text) && addressOf(text)?.hash === '', {
    error:
      'expected an address such as postgresql://user:password@host:5432/database, its special characters percent-encoded',
  }),
  schema: z
    .string()
    .refine((name) => /^[a-z_][a-z0-9_]{0,39}$/.test(name) && !/^(pg_|information_schema$)/.test(name), {
      error: 'expected a name of at most 40 characters of [a-z0-9_] that does not begin with a digit or pg_',
    })
    .default('quayside'),
  ssl: z
    .union([z.boolean(), z.custom<ConnectionOptions>((value) => typeof value === 'object' && value !== null)])
    .optional(),
  connections: z.int().min(1).max(100).default(4),
  timeout: duration().default(10_000),
  clock: z.custom<Clock>((value) => typeof value === 'object' && value !== null && 'monotonicMs' in value).optional(),
});

/**
 * The store in a schema of a PostgreSQL database (12 or newer), for hosts that share it. The factory opens nothing: the first call
 * does, and brings the schema up to date; it answers `store-refused` where the database cannot be used, with what to do about it in
 * `hint`.
 */
export function postgresStore(options: PostgresStoreOptions): Result<Store, InvalidError<'invalid-options'>> {
  return check('invalid-options', Options, options, 'postgresStore').map(
    ({ timeout, ssl, clock = systemClock(), ...given }) =>
      sqlStore(
        'postgres',
        async () => {
          const [{ openStore }, { postgresDialect }] = await Promise.all([
            import('./open.js'),
            import('./postgres/dialect.js'),
          ]);
          return openStore(postgresDialect({ ...given, ssl, clock, timeoutMs: timeout }));
        },
        passwordsOf(given.connectionString),
      ),
  );
}
