/** A store that several processes share, as plain data that can be handed to them. */
import { unwrap } from '../../packages/core/src/index.js';
import type { Store } from '../../packages/core/src/ports/store.js';
import { postgresStore, sqliteStore } from '../../packages/sql-adapter/src/index.js';

export type StoreAt =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'postgres'; readonly connectionString: string; readonly schema: string };
export type StoreKind = StoreAt['kind'];
export const STORE_KINDS: readonly StoreKind[] = ['sqlite', 'postgres'];

/** A connection of one's own. */
export function openStore(at: StoreAt): Store {
  if (at.kind === 'sqlite') return unwrap(sqliteStore({ path: at.path, busyTimeout: '20s' }));
  const { connectionString, schema } = at;
  return unwrap(postgresStore({ connectionString, schema, timeout: '20s', connections: 2 }));
}
