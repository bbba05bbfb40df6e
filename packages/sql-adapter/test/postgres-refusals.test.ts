/** A database that cannot be used is refused with what to do, and nobody learns the password by it. */
import { outcomeUnknown, type StoreError, unwrap } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POSTGRES_LOGIN, startPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { freePort } from '../../../test/support/registry.js';
import { open, postgresAt } from './support/folder.js';

const append = { op: 'append', stream: 's', entries: ['x'] } as const;
const errorOf = async <T>(answer: PromiseLike<Result<T, StoreError>>) => (await answer)._unsafeUnwrapErr();

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres({ fsync: 'off' });
});
afterAll(() => server.remove());

/** Everything that an error says, its causes too. */
function wordsOf(error: unknown): string {
  const words: string[] = [];
  for (let each = error; each !== undefined && each !== null; each = (each as { cause?: unknown }).cause)
    words.push(String((each as Error).message), JSON.stringify(each), String((each as Error).stack));
  return words.join('\n');
}

interface Case {
  readonly what: string;
  readonly kind?: StoreError['kind'];
  readonly code: string;
  readonly hint: RegExp;
  readonly make: (
    database: string,
  ) => Promise<{ readonly at: string; readonly ssl?: boolean; readonly schema?: string }>;
}
const CASES: readonly Case[] = [
  {
    what: 'a wrong password',
    code: '28P01',
    hint: /Correct user and password/,
    make: async (at) => ({ at: at.replace(POSTGRES_LOGIN.password, 'battery-staple') }),
  },
  {
    what: 'a database that is not there',
    code: '3D000',
    hint: /createdb/,
    make: async (at) => ({ at: at.replace(/\w+$/, 'nowhere') }),
  },
  {
    what: 'a server that is not there',
    kind: 'store-unavailable',
    code: 'ECONNREFUSED',
    hint: /Start the server/,
    make: async (at) => ({ at: at.replace(/:\d+\//, `:${await freePort()}/`) }),
  },
  {
    what: 'a server without TLS, where TLS is asked for',
    code: 'connection-lost',
    hint: /`ssl`/,
    make: async (at) => ({ at, ssl: true }),
  },
  {
    what: 'a schema of something else',
    code: 'foreign-database',
    hint: /a schema of its own/,
    make: async (at) => {
      await server.sql('create schema music; create table music.songs (title text)', at);
      return { at, schema: 'music' };
    },
  },
  {
    what: 'a user who may not create a schema',
    code: '42501',
    hint: /grant it CREATE on the database/,
    make: async (at) => {
      await server.sql(`create role reader login password 'battery-staple'`, at);
      return { at: at.replace(/\/\/.*@/, '//reader:battery-staple@') };
    },
  },
  {
    what: 'a database that cannot keep every text',
    code: 'QS001',
    hint: /UTF8/,
    make: async (at) => {
      await server.sql(`create database latin encoding 'LATIN1' locale 'C' template template0`);
      return { at: at.replace(/\w+$/, 'latin') };
    },
  },
];

describe('a database that cannot be used is refused with what to do', () => {
  it.each(CASES)('$what', async ({ kind = 'store-refused', code, hint, make }) => {
    const { at, ssl, schema } = await make(await server.database());
    const store = postgresAt(at, { timeout: '1s', ...(ssl ? { ssl } : {}), ...(schema ? { schema } : {}) });
    const error = await errorOf(store.storeId(open()));
    expect(error).toMatchObject({ kind, code, retryable: kind === 'store-unavailable' });
    expect(outcomeUnknown(error)).toBe(false);
    expect(error.hint).toMatch(hint);
    expect(error.message).toMatch(/PostgreSQL at 127\.0\.0\.1:\d+, database "\w+", schema "\w+"/);
    expect(wordsOf(error)).not.toMatch(/correct-horse|battery-staple/);
    expect(store.name).toBe('postgres');
    // It does not go away by asking again.
    expect(await errorOf(store.commit([append], open()))).toMatchObject({ kind, code });
  });

  it('is looked at again by the next call, once it was put right', async () => {
    const at = (await server.database()).replace(/\w+$/, 'later');
    const store = postgresAt(at);
    expect(await errorOf(store.storeId(open()))).toMatchObject({ code: '3D000' });
    await server.sql('create database later');
    expect(await unwrap(store.storeId(open()))).toMatch(/^[0-9a-z]{12}$/);
  });

  it('a schema of a newer version: refused when opened, and when it grew under an open store', async () => {
    const at = await server.database();
    const running = postgresAt(at);
    await unwrap(running.commit([append], open()));
    await server.sql(`update quayside.quayside_meta set value = '99' where key = 'schema'`, at);
    const error = await errorOf(postgresAt(at).storeId(open()));
    expect(error).toMatchObject({ kind: 'store-refused', code: 'newer-schema', retryable: false });
    expect(error.hint).toMatch(/name another schema/);
    expect(await errorOf(running.commit([append], open()))).toMatchObject({ code: 'newer-schema' });
    expect(await unwrap(running.read('s', { after: 0 }, open()))).toHaveLength(1);
  });
});

describe('a database that others use too', () => {
  it('has stores that know nothing of each other, each in its schema, and nothing in any other', async () => {
    const at = await server.database();
    await server.sql('create table songs (title text)', at);
    const [one, two] = [postgresAt(at), postgresAt(at, { schema: 'another_one' })];
    expect(await unwrap(one.storeId(open()))).not.toBe(await unwrap(two.storeId(open())));
    let told = 0;
    two.subscribe?.(() => {
      told += 1;
    });
    for (let round = 0; told === 0; round += 1)
      await unwrap(two.commit([{ op: 'append', stream: `t${round}`, entries: [1] }], open()));
    await new Promise((resolve) => setTimeout(resolve, 200));
    told = 0;
    await unwrap(one.commit([append], open()));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(told).toBe(0);
    expect(await unwrap(two.read('s', { after: 0 }, open()))).toEqual([]);
    const tables = await server.sql<{ schema: string }>(
      `select distinct schemaname as schema from pg_tables where tablename <> 'songs' and schemaname !~ '^(pg_|inf)'`,
      at,
    );
    expect(tables.map(({ schema }) => schema).sort()).toEqual(['another_one', 'quayside']);
  });

  it('needs no right to create schemas where one was made for it', async () => {
    const at = await server.database();
    await server.sql(
      `create role owner login password 'battery-staple'; create schema quayside authorization owner`,
      at,
    );
    const store = postgresAt(at.replace(/\/\/.*@/, '//owner:battery-staple@'));
    await unwrap(store.commit([append], open()));
  });

  it('orders ids by their bytes, whatever language the database speaks', async () => {
    await server.sql(
      `create database danish template template0 locale_provider icu icu_locale 'da-DK' locale 'C.UTF-8'`,
    );
    const store = postgresAt((await server.database()).replace(/\w+$/, 'danish'));
    const ids = ['a', 'B', 'b', 'å', 'aa', 'z', '_', 'Z'];
    await unwrap(
      store.commit(
        ids.map((id) => ({ op: 'insert', collection: 'cursors', record: { id, after: 0 } }) as const),
        open(),
      ),
    );
    const found = (await unwrap(store.list('cursors', {}, open()))).map(({ value }) => value.id);
    expect(found).toEqual(['B', 'Z', '_', 'a', 'aa', 'b', 'z', 'å']);
    const behind = await unwrap(store.list('cursors', { after: 'Z', limit: 2 }, open()));
    expect(behind.map(({ value }) => value.id)).toEqual(['_', 'a']);
  });

  it('makes nothing of a weak setting of its user: what was answered is on the disk', async () => {
    const at = await server.database();
    await server.sql(
      `alter role ${POSTGRES_LOGIN.user} in database ${/\w+$/.exec(at)} set synchronous_commit = off`,
      at,
    );
    await server.sql(
      `alter role ${POSTGRES_LOGIN.user} in database ${/\w+$/.exec(at)} set default_transaction_read_only = on`,
      at,
    );
    const store = postgresAt(at);
    await unwrap(store.commit([append], open()));
    expect(await server.sql('show synchronous_commit', at)).toEqual([{ synchronous_commit: 'off' }]);
    // Its own word for it: a commit of a trigger's, who writes down what it sees.
    await server.sql(
      `begin read write; create table public.seen (setting text);
       create function public.see() returns trigger language plpgsql as
         $$ begin insert into public.seen values (current_setting('synchronous_commit')); return new; end $$;
       create trigger see after insert on quayside.entries for each row execute function public.see(); commit`,
      at,
    );
    await unwrap(store.commit([append], open()));
    expect(await server.sql('select setting from public.seen', at)).toEqual([{ setting: 'on' }]);
  });
});
