/** PostgreSQL: a schema of a database, shared by the hosts that reach its server. */
import { createHash } from 'node:crypto';
import type { Clock, StoreError } from '@quayside/core/ports';
import { PostgresAdapter, PostgresQueryCompiler, sql } from 'kysely';
import { err, ok, type Result } from 'neverthrow';
import type { Ask, Database, Dialect, Lock } from '../dialect.js';
import { SCHEMA_LOCK } from '../meta.js';
import { type Login, loadDriver } from './driver.js';
import { describeFault, NOT_UTF8 } from './faults.js';
import { Listener } from './listener.js';
import { placeOf } from './place.js';
import { Pool } from './pool.js';
import { settingsFor, WISHES } from './settings.js';
import { Works } from './works.js';

export interface PostgresOptions extends Login {
  readonly schema: string;
  readonly connections: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export const postgresDialect = (options: PostgresOptions): Dialect => ({
  name: 'postgres',
  place: placeOf(options),
  elsewhere: 'schema',
  adapter: new PostgresAdapter(),
  compiler: new PostgresQueryCompiler(),
  schema: options.schema,
  tables: `select c.relname as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = '${options.schema}' and c.relkind in ('r', 'p', 'v', 'm', 'f') order by c.relname`,
  begin: [createSchema(options.schema)],
  lock: (locks) => lockAsk(options.schema, locks),
  // Ids are compared by their bytes, as every other store does it, whatever the database's own language is.
  types: { text: sql`text collate "C"`, number: 'bigint' },
  // The same order under another name, which the planner does not see through.
  indexedId: sql`"id" collate "POSIX"`,
  serial: (column) => column.primaryKey().generatedByDefaultAsIdentity(),
  table: (table) => table,
  open: () => open(options),
});

async function open(options: PostgresOptions): Promise<Result<Database, StoreError>> {
  const { schema, clock, connections, timeoutMs } = options;
  const place = placeOf(options);
  try {
    const driver = await loadDriver(options);
    // A wrong login fails here and not again and again.
    driver();
    const channel = `quayside:${schema}`;
    const pool = new Pool({
      driver,
      clock,
      place,
      size: connections,
      settings: settingsFor(timeoutMs),
      wishes: WISHES,
    });
    const isOwn = (pid: number) => pool.has(pid);
    const listener = new Listener({ driver, clock, place, channel, isOwn });
    const notify: Ask = { sql: 'select pg_notify($1, $2)', values: [channel, ''], answer: 'none' };
    const works = new Works({ pool, clock, place, limitMs: timeoutMs, notify, onCommit: () => listener.own() });
    return ok({
      read: (work, signal) => works.read(work, signal),
      write: (work, signal) => works.write(work, signal),
      migrate: (work, signal) =>
        works.write(work, signal, {
          first: [plain('set local lock_timeout = 0'), lockAsk(schema, [{ key: SCHEMA_LOCK, isExclusive: true }])],
          limitMs: Number.POSITIVE_INFINITY,
        }),
      watch: (onCommit) => listener.start(onCommit),
      async close() {
        await Promise.all([listener.close(), pool.close()]);
        return ok(undefined);
      },
    });
  } catch (thrown) {
    return err(describeFault(thrown, place, true, 'open'));
  }
}

/** `create schema if not exists` asks for the right to create it even where it is there already. */
const createSchema = (schema: string): Ask =>
  plain(`do $$ begin
    if current_setting('server_encoding') <> 'UTF8' then raise exception using errcode = '${NOT_UTF8}'; end if;
    if to_regnamespace('${schema}') is null then create schema ${quoted(schema)}; end if;
  end $$`);

/**
 * Locks by number, held to the end of the transaction: rows that do not exist yet can be locked so too. All at once, and in the order
 * of their numbers: two who want the same cannot wait for each other.
 */
function lockAsk(schema: string, locks: readonly Lock[]): Ask {
  const numbers = new Map<bigint, boolean>();
  for (const { key, isExclusive } of locks) {
    const number = createHash('sha256').update(`${schema}/${key}`).digest().readBigInt64BE();
    numbers.set(number, isExclusive || numbers.get(number) === true);
  }
  const sorted = [...numbers].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    sql: `select case when is_exclusive then pg_advisory_xact_lock(number) else pg_advisory_xact_lock_shared(number) end
      from unnest($1::bigint[], $2::boolean[]) as locks(number, is_exclusive)`,
    values: [`{${sorted.map(([number]) => number)}}`, `{${sorted.map(([, isExclusive]) => isExclusive)}}`],
    answer: 'none',
  };
}

const plain = (text: string): Ask => ({ sql: text, values: [], answer: 'none' });
const quoted = (name: string): string => `"${name}"`;
