/** SQLite, embedded: one file on a local disk, shared by the processes of one machine. */
import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs';
import type { Clock, StoreError } from '@quayside/core/ports';
import { SqliteAdapter, SqliteQueryCompiler, sql } from 'kysely';
import { err, ok, type Result } from 'neverthrow';
import type { Database, Dialect } from '../dialect.js';
import { CommitWatch } from './commit-watch.js';
import { loadDriver, type SyncConnection, type WriterConnection } from './driver.js';
import { noSharedMemory } from './faults.js';
import { Reader } from './reader.js';
import { untilUnlocked } from './waiting.js';
import { Writer } from './writer.js';

export interface SqliteOptions {
  /** Absolute, or `:memory:`. */
  readonly path: string;
  readonly clock: Clock;
  readonly busyTimeoutMs: number;
}

/** The log is cut back to this once it has been longer, after a burst or a long read. */
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

export const sqliteDialect = (options: SqliteOptions): Dialect => ({
  name: 'sqlite',
  place: options.path,
  elsewhere: 'path',
  adapter: new SqliteAdapter(),
  compiler: new SqliteQueryCompiler(),
  tables: "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name",
  schema: undefined,
  begin: [],
  lock: undefined,
  types: { text: 'text', number: 'integer' },
  indexedId: undefined,
  serial: (column) => column.primaryKey(),
  table: (table, kind) => table.modifyEnd(sql.raw(kind === 'clustered' ? 'strict, without rowid' : 'strict')),
  open: () => open(options),
});

async function open(options: SqliteOptions): Promise<Result<Database, StoreError>> {
  const opened = await untilUnlocked(options, 'open', new AbortController().signal, () => connect(options));
  return opened.andThen((answer) => answer);
}

/** @throws what SQLite or the file system says; nothing stays open then */
async function connect(options: SqliteOptions): Promise<Result<Database, StoreError>> {
  const { path } = options;
  const held: { close(): void }[] = [];
  const hold = <T extends { close(): void }>(connection: T): T => {
    held.push(connection);
    return connection;
  };
  const letGo = () => {
    for (const connection of held) connection.close();
  };
  try {
    const driver = await loadDriver();
    if (!isMemory(path)) createFile(path);
    const writing = hold(driver.writer(path));
    const row = (await writing.prepare('PRAGMA journal_mode = WAL')).get([]);
    const mode = String(row?.['journal_mode']);
    if (mode !== 'wal' && mode !== 'memory') {
      letGo();
      return err(noSharedMemory(path, mode));
    }
    // FULL: what was answered `ok` is on the disk, also after the power has failed.
    await writing.exec(`PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${LOG_LIMIT_BYTES}`);
    return ok(database(writing, isMemory(path) ? undefined : hold(driver.reader(path)), options));
  } catch (thrown) {
    letGo();
    throw thrown;
  }
}

/** @param reading undefined for a database in memory: there is one connection, and reads take their turn among the writes */
function database(writing: WriterConnection, reading: SyncConnection | undefined, options: SqliteOptions): Database {
  const reader = reading && new Reader(reading, options);
  const watch = new CommitWatch(options.clock, reader && (() => reader.dataVersion()));
  const writer = new Writer(writing, options, () => watch.own());
  return {
    read(work, signal) {
      if (reader) return reader.run(work, signal);
      return writer.run(
        function* () {
          return ok(yield* work());
        },
        signal,
        false,
      );
    },
    write: (work, signal) => writer.run(work, signal),
    migrate: (work, signal) => writer.run(work, signal),
    watch: (onCommit) => watch.start(onCommit),
    async close() {
      watch.stop();
      reader?.close();
      await writer.close();
      return ok(undefined);
    },
  };
}

const isMemory = (path: string): boolean => path === ':memory:';

/**
 * For its owner alone: what a deployment was given is in it. Node's errors tell more than SQLite's of why it cannot be.
 *
 * A file that is there is not opened: to close it again would give up every lock that this process has on it, those of other connections
 * included, and the next process to close its last connection would take the log away from under them.
 * Source: "How To Corrupt An SQLite Database File", 2.2, of POSIX advisory locks.
 */
function createFile(path: string): void {
  try {
    closeSync(openSync(path, 'ax', 0o600));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    if (statSync(path).isDirectory()) throw Object.assign(new Error(`EISDIR: ${path} is a folder`), { code: 'EISDIR' });
    accessSync(path, constants.R_OK | constants.W_OK);
  }
}
