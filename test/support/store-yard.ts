import { join } from 'node:path';
import { startPostgres, type TestPostgres } from './postgres.js';
import type { StoreAt, StoreKind } from './store-at.js';

/** Where new stores are made: files in a folder, schemas in one database of a server of one's own, which is started when it is needed. */
export interface StoreYard extends AsyncDisposable {
  /** A new one, under a name of `[a-z0-9_]`. */
  open(kind: StoreKind, name: string): Promise<StoreAt>;
}

/** @param folder for files; it is there */
export function storeYard(folder: string): StoreYard {
  let server: Promise<{ readonly postgres: TestPostgres; readonly connectionString: string }> | undefined;
  return {
    async open(kind, name) {
      if (kind === 'sqlite') return { kind, path: join(folder, `${name}.db`) };
      server ??= (async () => {
        // Many processes at once, each with connections of its own; and it is never the server that dies here.
        const postgres = await startPostgres({ max_connections: '600', fsync: 'off' });
        return { postgres, connectionString: await postgres.database() };
      })();
      return { kind, connectionString: (await server).connectionString, schema: name };
    },
    async [Symbol.asyncDispose]() {
      await (await server?.catch(() => undefined))?.postgres.remove();
    },
  };
}
