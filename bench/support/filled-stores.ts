/**
 * Stores that have a long history: made by the store itself, filled by a connection beside it, by the million and in exactly the
 * rows that the store writes, and read by the store again.
 */
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import Database from 'libsql';
import type { Store } from '../../packages/core/src/ports/store.js';
import { systemClock } from '../../packages/core/src/ports.js';
import type { Ask, Dialect } from '../../packages/sql-adapter/src/dialect.js';
import { postgresStore, sqliteStore } from '../../packages/sql-adapter/src/index.js';
import { postgresDialect } from '../../packages/sql-adapter/src/postgres/dialect.js';
import { WALKS } from '../../packages/sql-adapter/src/postgres/settings.js';
import { listWork } from '../../packages/sql-adapter/src/read.js';
import { sqliteDialect } from '../../packages/sql-adapter/src/sqlite/dialect.js';
import { createStatements } from '../../packages/sql-adapter/src/statements.js';
import type { TestPostgres } from '../../test/support/postgres.js';
import { deploymentOf, ENTRY, ID, PROJECT, type Size, STAGE, stageSql, VERSION } from './history.js';

export interface FilledStore {
  readonly kind: 'sqlite' | 'postgres';
  readonly size: Size;
  readonly store: Store;
  /** How the database finds the newest 50 of a stage. */
  plan(stageKey: string): Promise<string>;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const body = quoted(JSON.stringify(deploymentOf(ID, STAGE)));
const entry = quoted(JSON.stringify(ENTRY));
const keyOf = `'["${PROJECT}","' || stage || '"]'`;
/** Deployments at once. SQLite works in this very thread, and between two of its chunks the other database has its turn. */
const CHUNK = { sqlite: 2_000, postgres: 20_000 };

async function made(open: () => Store): Promise<void> {
  const store = open();
  (await store.storeId({ signal: new AbortController().signal }))._unsafeUnwrap();
  await store.close();
}

/** libsql lets go of a closed file with the next garbage collection that finds its statements. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  for (let round = 0; round < 5; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collect();
  }
}

function newest(dialect: Dialect, stageKey: string): Ask {
  const work = listWork(createStatements(dialect), 'deployments', { where: { stageKey }, order: 'desc', limit: 51 })();
  return (work.next().value as readonly Ask[])[0] as Ask;
}

export async function filledSqlite(folder: string, size: Size): Promise<FilledStore> {
  const path = join(folder, `${size.deployments}.db`);
  const open = () => sqliteStore({ path })._unsafeUnwrap();
  await made(open);
  await collectGarbage();
  const database = new Database(path);
  // Nothing to lose yet, and nobody else: no log, no flush.
  for (const pragma of ['journal_mode = off', 'synchronous = off', 'locking_mode = exclusive', 'cache_size = -400000'])
    database.exec(`pragma ${pragma}`);
  for (let from = 1; from <= size.deployments; from += CHUNK.sqlite) {
    const to = Math.min(size.deployments, from + CHUNK.sqlite - 1);
    database.exec(`
      create temp table made as with recursive numbers(n) as (select ${from} union all select n + 1 from numbers where n < ${to})
        select n, '0' || printf('%017d', n) as id, ${stageSql(size)} as stage from numbers;
      insert into deployments (id, version, body, stage_key, project, status)
        select id, ${VERSION}, replace(replace(${body}, '${ID}', id), '${STAGE}', stage), ${keyOf}, '${PROJECT}', 'succeeded'
        from made order by n;
      insert into streams (id, name, last) select n, 'log:' || id, ${size.entries} from made order by n;
      with recursive numbers(seq) as (select 1 union all select seq + 1 from numbers where seq < ${size.entries})
        insert into entries (stream, seq, body) select n, seq, ${entry} from made, numbers order by n, seq;
      drop table temp.made`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  database.close();
  await collectGarbage();
  const dialect = sqliteDialect({ path, clock: systemClock(), busyTimeoutMs: 5_000 });
  return {
    kind: 'sqlite',
    size,
    store: open(),
    async plan(stageKey) {
      const { sql, values } = newest(dialect, stageKey);
      const reading = new Database(path);
      const rows = reading.prepare(`explain query plan ${sql}`).all([...values]) as { detail: string }[];
      reading.close();
      return rows.map(({ detail }) => detail).join('; ');
    },
  };
}

export async function filledPostgres(server: TestPostgres, size: Size): Promise<FilledStore> {
  const connectionString = await server.database();
  const open = () => postgresStore({ connectionString })._unsafeUnwrap();
  await made(open);
  const session = await server.session(connectionString);
  await session.query('set search_path = quayside');
  // What is emptied and filled in one transaction needs no log (`wal_level = minimal`).
  await session.query('begin; truncate deployments, streams, entries');
  for (let from = 1; from <= size.deployments; from += CHUNK.postgres) {
    const to = Math.min(size.deployments, from + CHUNK.postgres - 1);
    await session.query(`
      create temp table made on commit drop as select n, '0' || lpad(n::text, 17, '0') as id, ${stageSql(size)} as stage
        from generate_series(${from}, ${to}) n;
      insert into deployments (id, version, body, stage_key, project, status)
        select id, ${VERSION}, replace(replace(${body}, '${ID}', id), '${STAGE}', stage), ${keyOf}, '${PROJECT}', 'succeeded'
        from made order by n;
      insert into streams (name, last) select 'log:' || id, ${size.entries} from made order by n;
      insert into entries (stream, seq, body) select s.id, seq, ${entry}
        from made join streams s on s.name = 'log:' || made.id, generate_series(1, ${size.entries}) seq order by s.id, seq;
      drop table made`);
  }
  await session.query('commit');
  // As the server does by itself in the course of time.
  await session.query('vacuum analyze');
  await session.query('checkpoint');
  await session.end();
  const [schema, clock] = ['quayside', systemClock()];
  const dialect = postgresDialect({
    connectionString,
    schema,
    clock,
    ssl: undefined,
    connections: 1,
    timeoutMs: 5_000,
  });
  return {
    kind: 'postgres',
    size,
    store: open(),
    async plan(stageKey) {
      const { sql, values } = newest(dialect, stageKey);
      const reading = await server.session(connectionString);
      for (const [name, value] of Object.entries(WALKS)) await reading.query(`set ${name} = ${value}`);
      const { rows } = await reading.query(`explain (costs off) ${sql}`, [...values]);
      await reading.end();
      return rows.map((row: { 'QUERY PLAN': string }) => row['QUERY PLAN'].trim()).join(' ');
    },
  };
}
