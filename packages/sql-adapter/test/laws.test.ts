import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Store, unwrap } from '@quayside/core/ports';
import { conforms, storeLaws } from '@quayside/core/testing';
import { postgresStore, sqliteStore } from '@quayside/sql-adapter';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres.js';

/** What a law is given: connections to one new store. */
async function subject(open: () => Store, cleanUp: () => void = () => {}) {
  const stores: Store[] = [];
  const connect = async () => {
    const store = open();
    stores.push(store);
    return store;
  };
  return {
    store: await connect(),
    connect,
    pause: () => sleep(5),
    close: async () => {
      for (const store of stores) await unwrap(store.close());
      cleanUp();
    },
  };
}

describe('a SQLite file keeps the laws of Store', () => {
  conforms(it, storeLaws, () => {
    const folder = mkdtempSync(join(tmpdir(), 'quayside-laws-'));
    return subject(
      () => unwrap(sqliteStore({ path: join(folder, 'quayside.db') })),
      () => rmSync(folder, { recursive: true }),
    );
  });
});

describe('a PostgreSQL schema keeps the laws of Store', () => {
  let server: TestPostgres;
  let connectionString: string;
  beforeAll(async () => {
    // Nothing here is about a power cut: that is what a flush is for.
    server = await startPostgres({ fsync: 'off' });
    connectionString = await server.database();
  });
  afterAll(() => server.remove());
  let count = 0;

  // Every law has a schema of its own, in one database.
  conforms(it, storeLaws, () => {
    count += 1;
    const schema = `law_${count}`;
    return subject(() => unwrap(postgresStore({ connectionString, schema })));
  });

  it('and locks in one order: the server had to free nobody from a circle', () => {
    expect(server.lines.filter((line) => /deadlock/.test(line))).toEqual([]);
  });
});
