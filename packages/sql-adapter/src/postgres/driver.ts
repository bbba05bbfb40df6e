/**
 * The part of pg that the store uses. It is loaded when a store is opened: who only imports the package, or uses SQLite, does not wait
 * for it.
 */
import type { ConnectionOptions } from 'node:tls';
import type { Row, SqlValue } from '../dialect.js';

export interface Login {
  readonly connectionString: string;
  /** What the string does not say of it. */
  readonly ssl: boolean | ConnectionOptions | undefined;
}

export interface Client {
  /** The server's number for this connection, once there is one. */
  readonly processID: number | null;
  /** What carries it: destroyed where nobody can wait for a polite end. */
  readonly connection: { readonly stream: { destroy(): void } };
  connect(): Promise<unknown>;
  query(query: {
    readonly text: string;
    readonly values: readonly SqlValue[];
  }): Promise<{ readonly rows: readonly Row[]; readonly command: string }>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'notification', listener: (notification: { readonly processId: number }) => void): unknown;
  /** Whether it keeps the process alive. */
  ref(): void;
  unref(): void;
  end(): Promise<void>;
}

/** Makes a client, which has not connected yet. @throws what is wrong with the login */
export type Driver = () => Client;

/** The types of PostgreSQL's integers, which are numbers here; everything else is text. */
const INTEGERS = new Set([20, 21, 23]);

export async function loadDriver({ connectionString, ssl }: Login): Promise<Driver> {
  const { default: pg } = await import('pg');
  return () =>
    new pg.Client({
      connectionString,
      ...(ssl === undefined ? {} : { ssl }),
      fallback_application_name: 'quayside',
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      // A batch is one way to the server and back.
      pipeline: true,
      types: { getTypeParser: (oid: number) => (INTEGERS.has(oid) ? Number : (text: string) => text) },
    } as never) as unknown as Client;
}
