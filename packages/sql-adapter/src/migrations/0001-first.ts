import { randomInt } from 'node:crypto';
import { type CreateTableBuilder, type Kysely, sql } from 'kysely';
import type { Dialect } from '../dialect.js';
import { ENTRIES_TABLE, type FixedTables, META_TABLE, STREAMS_TABLE } from '../tables.js';
import type { Migration } from './migration.js';

/** Per collection its indexes, each of which ends with the id: what is found by it comes in the order of the ids. */
const COLLECTIONS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  deployments: [['stage_key'], ['project'], ['status'], ['stage_key', 'status']],
  specs: [],
  instances: [['stage_key'], ['project'], ['state'], ['digest']],
  stages: [['project']],
  routes: [['stage_key'], ['owner_key'], ['instance']],
  journals: [['stage_key']],
  tasks: [['kind'], ['subject'], ['deployment']],
  cursors: [],
  images: [['repository'], ['digest']],
  leases: [],
  proxy_routes: [['proxy']],
  proxy_servers: [['proxy']],
  proxy_heads: [],
};

/** Records, streams and the store's own id. */
export const first: Migration = {
  name: '0001-first',
  statements(db, dialect) {
    const { schema } = db;
    const { tableSuffix } = dialect;
    const records = <T extends string>(table: CreateTableBuilder<T>) =>
      tableSuffix ? table.modifyEnd(sql.raw(tableSuffix.records)) : table;
    const clustered = <T extends string>(table: CreateTableBuilder<T>) =>
      tableSuffix ? table.modifyEnd(sql.raw(tableSuffix.clustered)) : table;
    return [
      clustered(
        schema
          .createTable(META_TABLE)
          .addColumn('key', 'text', (column) => column.primaryKey().notNull())
          .addColumn('value', 'text', (column) => column.notNull()),
      ),
      db.insertInto(META_TABLE).values([{ key: 'storeId', value: randomStoreId() }]),
      ...Object.entries(COLLECTIONS).flatMap(([name, indexes]) => collection(db, dialect, name, indexes)),
      records(
        schema
          .createTable(STREAMS_TABLE)
          .addColumn('id', dialect.serialType, (column) => dialect.serial(column))
          .addColumn('name', 'text', (column) => column.notNull().unique())
          .addColumn('last', 'integer', (column) => column.notNull()),
      ),
      // Clustered by stream: a log of thousands of entries is one walk over neighbouring pages.
      clustered(
        schema
          .createTable(ENTRIES_TABLE)
          .addColumn('stream', 'integer', (column) => column.notNull())
          .addColumn('seq', 'integer', (column) => column.notNull())
          .addColumn('body', 'text', (column) => column.notNull())
          .addPrimaryKeyConstraint('entries_pk', ['stream', 'seq']),
      ),
    ];
  },
};

function collection(db: Kysely<FixedTables>, dialect: Dialect, name: string, indexes: readonly (readonly string[])[]) {
  const columns = [...new Set(indexes.flat())];
  const bare = db.schema
    .createTable(name)
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull());
  const table = columns.reduce<CreateTableBuilder<string>>((built, column) => built.addColumn(column, 'text'), bare);
  return [
    dialect.tableSuffix ? table.modifyEnd(sql.raw(dialect.tableSuffix.records)) : table,
    ...indexes.map((index) =>
      db.schema
        .createIndex(`${name}_by_${index.join('_')}`)
        .on(name)
        .columns([...index, 'id']),
    ),
  ];
}

const randomStoreId = (): string =>
  Array.from({ length: 12 }, () => '0123456789abcdefghijklmnopqrstuvwxyz'.charAt(randomInt(36))).join('');
