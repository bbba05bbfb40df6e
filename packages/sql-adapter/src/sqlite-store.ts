import { resolve } from 'node:path';
import { type Clock, check, duration, type InvalidError, type Store, systemClock } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { z } from 'zod';
import { sqlStore } from './store.js';

export interface SqliteStoreOptions {
  /**
   * The database's file. It is made where there is none, for its owner alone (0600), its folder is not; SQLite keeps two more files
   * beside it (`-wal`, `-shm`). On a local disk: network file systems have not the locks. `:memory:` is a database that is gone when
   * it is closed. A relative path counts from the working directory at this call.
   */
  readonly path: string;
  /** How long a call waits for a lock that another process holds: `'10s'` or milliseconds. Default 5 s; a commit holds it for about 1 ms. */
  readonly busyTimeout?: string | number;
  /** Default: the host's time. */
  readonly clock?: Clock;
}

const MEMORY = ':memory:';

const Options = z.strictObject({
  path: z
    .string()
    .min(1)
    .refine((path) => path === MEMORY || !/^([a-z][a-z+.-]+:\/\/|file:|:)/i.test(path), {
      error: "expected a file's path, not a URL",
    })
    .refine((path) => !path.includes('\0'), { error: 'expected a path without a NUL character' }),
  busyTimeout: duration().default(5_000),
  clock: z.custom<Clock>((value) => typeof value === 'object' && value !== null && 'monotonicMs' in value).optional(),
});

/**
 * The store in one SQLite file, for the processes of one machine. The factory opens nothing: the first call does, and brings the
 * schema up to date; it answers `store-refused` where the file cannot be used, with what to do about it in `hint`.
 */
export function sqliteStore(options: SqliteStoreOptions): Result<Store, InvalidError<'invalid-options'>> {
  return check('invalid-options', Options, options, 'sqliteStore').map(
    ({ busyTimeout, clock = systemClock(), ...given }) => {
      const path = given.path === MEMORY ? MEMORY : resolve(given.path);
      return sqlStore('sqlite', async () => {
        // Loaded only now: who imports the package, and may never open a store, waits neither for Kysely nor for SQLite.
        const [{ openStore }, { sqliteDialect }] = await Promise.all([
          import('./open.js'),
          import('./sqlite/dialect.js'),
        ]);
        return openStore(sqliteDialect({ path, clock, busyTimeoutMs: busyTimeout }));
      });
    },
  );
}
