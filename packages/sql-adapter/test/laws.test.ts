import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Store, unwrap } from '@quayside/core/ports';
import { conforms, storeLaws } from '@quayside/core/testing';
import { sqliteStore } from '@quayside/sql-adapter';
import { describe, it } from 'vitest';

describe('a SQLite file keeps the laws of Store', () => {
  conforms(it, storeLaws, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quayside-laws-'));
    const stores: Store[] = [];
    const connect = async () => {
      const store = unwrap(sqliteStore({ path: join(folder, 'quayside.db') }));
      stores.push(store);
      return store;
    };
    return {
      store: await connect(),
      connect,
      pause: () => sleep(5),
      close: async () => {
        for (const store of stores) await unwrap(store.close());
        rmSync(folder, { recursive: true });
      },
    };
  });
});
