/** The schema in PostgreSQL: what migrations make of it, and that every read walks along the index that was made for it. */
import { COLLECTION_INDEXES, type CollectionName, systemClock } from '@quayside/core/ports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import type { Ask, Work } from '../src/dialect.js';
import { MIGRATIONS } from '../src/migrations/index.js';
import { postgresDialect } from '../src/postgres/dialect.js';
import { WALKS } from '../src/postgres/settings.js';
import { getWork, listWork, readWork } from '../src/read.js';
import { bringUpToDate } from '../src/schema.js';
import { createStatements } from '../src/statements.js';
import { TABLES } from '../src/tables.js';

const { signal } = new AbortController();

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres({ fsync: 'off', autovacuum: 'off' });
});
afterAll(() => server.remove());

const dialectAt = (connectionString: string) =>
  postgresDialect({
    connectionString,
    ssl: undefined,
    schema: 'quayside',
    connections: 2,
    timeoutMs: 10_000,
    clock: systemClock(),
  });

async function migrated(connectionString: string, migrations = MIGRATIONS) {
  const dialect = dialectAt(connectionString);
  const database = (await dialect.open())._unsafeUnwrap();
  const answer = await bringUpToDate(dialect, createStatements(dialect), database, signal, migrations);
  await database.close();
  return answer;
}

/** `table(columns)` of every index, and every column of every table. */
async function shapeOf(connectionString: string) {
  const columns = await server.sql<{ name: string; columns: string[] }>(
    `select table_name as name, array_agg(column_name::text order by ordinal_position) as columns from information_schema.columns
     where table_schema = 'quayside' group by 1`,
    connectionString,
  );
  const indexes = await server.sql<{ text: string }>(
    `select i.tablename || regexp_replace(i.indexdef, '.* USING btree ', '') as text from pg_indexes i where schemaname = 'quayside'`,
    connectionString,
  );
  return {
    columns: new Map(columns.map((table) => [table.name, table.columns])),
    indexes: indexes.map(({ text }) => text.replaceAll('"', '')),
  };
}

describe('the schema', () => {
  it('has a table for every collection and an index, ended by the id, for every declared one', async () => {
    const at = await server.database();
    await migrated(at);
    const { columns, indexes } = await shapeOf(at);
    for (const table of TABLES.values()) {
      expect(columns.get(table.name), table.name).toEqual(
        expect.arrayContaining(['id', 'version', 'body', ...table.columns]),
      );
    }
    for (const [collection, declared] of Object.entries(COLLECTION_INDEXES)) {
      const table = TABLES.get(collection);
      for (const index of declared as readonly (readonly string[])[]) {
        const names = index.map((field) => table?.columns[table.fields.indexOf(field)]);
        expect(indexes).toContain(`${table?.name}(${names.join(', ')}, id COLLATE POSIX)`);
      }
    }
  });

  it('goes forward from where it is, and is the same as one that was made at once', async () => {
    const [stepwise, atOnce] = [await server.database(), await server.database()];
    const id = (await migrated(stepwise, MIGRATIONS.slice(0, 1)))._unsafeUnwrap();
    for (let count = 2; count <= MIGRATIONS.length; count += 1)
      expect((await migrated(stepwise, MIGRATIONS.slice(0, count)))._unsafeUnwrap()).toBe(id);
    await migrated(atOnce);
    const [one, other] = [await shapeOf(stepwise), await shapeOf(atOnce)];
    expect(one.columns).toEqual(other.columns);
    expect(one.indexes.sort()).toEqual(other.indexes.sort());
    expect((await migrated(stepwise, MIGRATIONS.slice(0, 1)))._unsafeUnwrapErr()).toMatchObject({
      code: 'newer-schema',
    });
  });

  it('is brought up to date whole or not at all, and once by however many', async () => {
    const at = await server.database();
    const broken: (typeof MIGRATIONS)[number] = {
      name: '9999-test',
      statements: (db) => [
        db.schema.createTable('one').addColumn('id', 'text'),
        db.schema.createTable('one').addColumn('id', 'text'),
      ],
    };
    expect((await migrated(at, [...MIGRATIONS, broken])).isErr()).toBe(true);
    expect((await shapeOf(at)).columns.size).toBe(0);
    const answers = await Promise.all([1, 2, 3, 4].map(() => migrated(at)));
    expect(new Set(answers.map((answer) => answer._unsafeUnwrap())).size).toBe(1);
  });
});

describe('every read is a walk along its index', () => {
  const ROWS = 20_000;
  let at: string;
  let session: Awaited<ReturnType<TestPostgres['session']>>;
  const statements = () => createStatements(dialectAt(at));

  beforeAll(async () => {
    at = await server.database();
    await migrated(at);
    // What tempts a planner: one value that a third of all rows has and no new one, one that is rare, and one that is null.
    for (const { name, columns } of TABLES.values()) {
      const values = columns.map(
        () => `case when n % 3 = 0 and n < ${ROWS / 2} then 'busy' when n % 50 = 1 then null else 'v' || n % 97 end`,
      );
      await server.sql(
        `insert into quayside.${name} (${['id', 'version', 'body', ...columns.map((column) => `"${column}"`)]})
         select ${["lpad(n::text, 9, '0')", '1', "repeat('x', 300)", ...values]} from generate_series(1, ${ROWS}) n`,
        at,
      );
    }
    await server.sql(
      `insert into quayside.streams (name, last) select 's' || n, 20 from generate_series(1, 1000) n;
       insert into quayside.entries select s.id, n, repeat('x', 100) from quayside.streams s, generate_series(1, 20) n;
       insert into quayside.streams (name, last) values ('events', 50000);
       insert into quayside.entries select s.id, n, repeat('x', 100)
         from quayside.streams s, generate_series(1, 50000) n where s.name = 'events';
       analyze`,
      at,
    );
    session = await server.session(at);
    for (const [name, value] of Object.entries(WALKS)) await session.query(`set ${name} = ${value}`);
  });
  afterAll(() => session.end());

  interface Plan {
    readonly 'Node Type': string;
    readonly 'Index Name'?: string;
    readonly 'Index Cond'?: string;
    readonly Filter?: string;
    readonly Plans?: readonly Plan[];
  }
  /** Every node of the plan for the one statement that a read asks. */
  async function nodesOf(work: Work<unknown>): Promise<Plan[]> {
    const [ask] = work.next().value as readonly Ask[];
    const { rows } = await session.query(`explain (format json) ${ask?.sql}`, [...(ask?.values ?? [])]);
    const flat = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(flat)];
    return flat(rows[0]['QUERY PLAN'][0].Plan);
  }

  const INDEXES = (Object.entries(COLLECTION_INDEXES) as [CollectionName, readonly (readonly string[])[]][]).flatMap(
    ([collection, indexes]) => [[], ...indexes].map((fields) => ({ collection, fields })),
  );
  it.each(INDEXES)(
    '$collection by $fields: no sort, and nothing that is read to be dropped',
    async ({ collection, fields }) => {
      const table = TABLES.get(collection);
      const names = fields.map((field) => table?.columns[table.fields.indexOf(field)]);
      const index = fields.length > 0 ? `${table?.name}_by_${names.join('_')}` : `${table?.name}_pkey`;
      for (const order of ['asc', 'desc'] as const) {
        for (const after of [undefined, '000010000']) {
          for (const held of ['busy', 'v7', 'nobody', null]) {
            const where = Object.fromEntries(fields.map((field) => [field, held]));
            const query = { where, order, limit: 50, ...(after ? { after } : {}) };
            const [limit, scan, ...more] = await nodesOf(listWork(statements(), collection, query)());
            const what = JSON.stringify(query);
            expect([limit?.['Node Type'], scan?.['Node Type'], more], what).toEqual(['Limit', 'Index Scan', []]);
            expect([scan?.['Index Name'], scan?.Filter], what).toEqual([index, undefined]);
            for (const column of names) expect(scan?.['Index Cond'], what).toContain(String(column));
            if (after)
              expect(scan?.['Index Cond'], what).toMatch(
                order === 'asc' ? /\bid\)?(::text)? > '0/ : /\bid\)?(::text)? < '0/,
              );
          }
        }
      }
    },
  );

  it('a record by its id, and a stream by its number', async () => {
    const [get] = await nodesOf(getWork(statements(), 'deployments', '000010000')());
    expect([get?.['Node Type'], get?.['Index Name']]).toEqual(['Index Scan', 'deployments_pkey']);
    for (const stream of ['s500', 'events']) {
      const nodes = await nodesOf(readWork(statements(), stream, { after: 3 })());
      expect(nodes.map((node) => node['Node Type'])).toEqual(['Limit', 'Index Scan', 'Index Scan']);
      expect(nodes.map((node) => node['Index Name']).sort()).toEqual(['entries_pk', 'streams_name_key', undefined]);
    }
  });
});
