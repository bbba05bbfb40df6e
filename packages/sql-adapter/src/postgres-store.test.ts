import { describe, expect, it } from 'vitest';
import { describeFault } from './postgres/faults.js';
import { placeOf } from './postgres/place.js';
import { type PostgresStoreOptions, postgresStore } from './postgres-store.js';

const connectionString = 'postgresql://me:hunter2@db.example.com/app';

describe('the options', () => {
  const cases: readonly [string, Record<string, unknown>, RegExp][] = [
    ['no address at all', { connectionString: 'hunter2' }, /connectionString: expected an address such as postgresql:/],
    ['another database', { connectionString: 'mysql://me:hunter2@db/app' }, /connectionString: expected an address/],
    ['a slash too few', { connectionString: 'postgresql:/me:hunter2@db/app' }, /connectionString: expected an address/],
    ['a password elsewhere', { connectionString: 'http://db/app?password=hunter2' }, /connectionString: expected/],
    ['a password that is not encoded', { connectionString: 'postgres://me:1#hunter2@db/app' }, /percent-encoded/],
    ['nothing', { connectionString: undefined }, /connectionString: expected a string, got nothing/],
    ['a schema of the server’s own', { schema: 'pg_temp' }, /schema: expected a name of at most 40 characters/],
    ['a schema in capitals', { schema: 'Quayside' }, /schema: expected a name .*got "Quayside"/],
    ['a schema that breaks out', { schema: 'x"; drop' }, /schema: expected a name/],
    ['no connections', { connections: 0 }, /connections: expected a number of at least 1, got 0/],
    ['a time without a unit', { timeout: '10' }, /timeout: expected a duration such as/],
    ['a word that is no TLS', { ssl: 'require' }, /ssl: expected .*got "require"/],
    ['an unknown field', { connectionsMax: 3 }, /connectionsMax: expected a known field/],
  ];
  it.each(cases)('%s is one clear error, without the password', (_, wrong, text) => {
    const answer = postgresStore({ connectionString, ...wrong } as unknown as PostgresStoreOptions);
    const error = answer._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'invalid-options', retryable: false });
    expect(error.issues).toHaveLength(1);
    expect(error.message).toMatch(text);
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  it('that are enough: an address of any of the kinds that pg takes', async () => {
    for (const text of [
      connectionString,
      'postgres://db/app',
      'postgresql:///app?host=/run/postgresql',
      'postgresql://me:hunter2@/app?host=/run/postgresql',
      'postgresql://me:hunter2@[::1]:5433/app?sslmode=verify-full',
    ]) {
      const store = postgresStore({ connectionString: text })._unsafeUnwrap();
      expect(store.name).toBe('postgres');
      await store.close();
    }
  });
});

describe('where it is', () => {
  const cases: readonly [string, string][] = [
    [connectionString, 'PostgreSQL at db.example.com, database "app", schema "s"'],
    ['postgres://me:hunter2@db:5433/app', 'PostgreSQL at db:5433, database "app", schema "s"'],
    ['postgres://[::1]:5433/my%20app', 'PostgreSQL at [::1]:5433, database "my app", schema "s"'],
    ['postgresql://me:hunter2@/app?host=/run/pg', 'PostgreSQL at /run/pg, database "app", schema "s"'],
    ['postgresql:///app?host=db&port=7&password=hunter2', 'PostgreSQL at db:7, database "app", schema "s"'],
    ['postgresql://me:hunter2@db', 'PostgreSQL at db, schema "s"'],
    ['postgresql://', 'PostgreSQL at the default host, schema "s"'],
  ];
  it.each(cases)('%s is told without user and password', (text, place) => {
    expect(placeOf({ connectionString: text, schema: 's' })).toBe(place);
  });
});

describe('what the server says', () => {
  const cases: readonly [string, string, RegExp][] = [
    ['53300', 'store-unavailable', /max_connections/],
    ['53100', 'store-refused', /Free some space/],
    ['53200', 'store-unavailable', /log/],
    ['57P03', 'store-unavailable', /has started/],
    ['58030', 'store-unavailable', /disk/],
    ['XX001', 'store-unavailable', /log/],
    ['25006', 'store-refused', /primary/],
    ['42P01', 'store-refused', /backup/],
    ['EAI_AGAIN', 'store-unavailable', /name/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'store-refused', /ca/],
    ['MODULE_NOT_FOUND', 'store-refused', /Install/],
    ['22021', 'bug', /Report/],
  ];
  it.each(cases)('%s is %s, with what to do', (code, kind, hint) => {
    const error = describeFault(Object.assign(new Error('as it says'), { code }), 'the place', false, 'change');
    expect(error).toMatchObject({ kind, outcome: 'refused', retryable: kind === 'store-unavailable' });
    expect(error.hint).toMatch(hint);
  });
});
