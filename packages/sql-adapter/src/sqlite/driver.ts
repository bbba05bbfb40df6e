/**
 * The part of libsql that the store uses, which has the API of better-sqlite3. It is loaded when a store is opened: who only
 * imports the package does not wait for a native module.
 *
 * Two of its connections have two natures. `SyncConnection` answers in the same call, in microseconds: it reads. The writer's
 * statements do so too, since they only touch memory, but its `exec` works on a thread of its own, and that is where `COMMIT` waits for
 * the disk: the host's event loop never does.
 */
import type { SqlValue } from '../dialect.js';

export interface SyncStatement {
  run(values: readonly SqlValue[]): unknown;
  /** At most one row. The statement is reset afterwards, and holds no snapshot. */
  get(values: readonly SqlValue[]): Readonly<Record<string, SqlValue>> | undefined;
  all(values: readonly SqlValue[]): Readonly<Record<string, SqlValue>>[];
}

export interface SyncConnection {
  prepare(sql: string): SyncStatement;
  exec(sql: string): void;
  close(): void;
}

export interface WriterStatement extends Omit<SyncStatement, 'all'> {
  all(values: readonly SqlValue[]): Promise<Readonly<Record<string, SqlValue>>[]>;
}

export interface WriterConnection {
  readonly inTransaction: boolean;
  prepare(sql: string): Promise<WriterStatement>;
  exec(sql: string): Promise<void>;
  close(): void;
}

export interface Driver {
  /** `timeout: 0`: SQLite's own waiting would block the event loop. */
  reader(path: string): SyncConnection;
  writer(path: string): WriterConnection;
}

export async function loadDriver(): Promise<Driver> {
  const [{ default: Sync }, { default: Writer }] = await Promise.all([import('libsql'), import('libsql/promise')]);
  return {
    reader: (path) => new Sync(path, { timeout: 0 }) as unknown as SyncConnection,
    writer: (path) => new Writer(path, { timeout: 0 }) as unknown as WriterConnection,
  };
}
