import { randomInt } from 'node:crypto';
import { ENTRIES_TABLE, META_TABLE, STREAMS_TABLE } from '../tables.js';
import { collections } from './collections.js';
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
    const { text, number } = dialect.types;
    return [
      dialect.table(
        schema
          .createTable(META_TABLE)
          .addColumn('key', text, (column) => column.primaryKey().notNull())
          .addColumn('value', text, (column) => column.notNull()),
        'clustered',
      ),
      db.insertInto(META_TABLE).values([{ key: 'storeId', value: randomStoreId() }]),
      ...collections(db, dialect, COLLECTIONS),
      dialect.table(
        schema
          .createTable(STREAMS_TABLE)
          .addColumn('id', number, (column) => dialect.serial(column))
          .addColumn('name', text, (column) => column.notNull().unique())
          .addColumn('last', number, (column) => column.notNull()),
        'records',
      ),
      // Clustered by stream: a log of thousands of entries is one walk over neighbouring pages.
      dialect.table(
        schema
          .createTable(ENTRIES_TABLE)
          .addColumn('stream', number, (column) => column.notNull())
          .addColumn('seq', number, (column) => column.notNull())
          .addColumn('body', text, (column) => column.notNull())
          .addPrimaryKeyConstraint('entries_pk', ['stream', 'seq']),
        'clustered',
      ),
    ];
  },
};

const randomStoreId = (): string =>
  Array.from({ length: 12 }, () => '0123456789abcdefghijklmnopqrstuvwxyz'.charAt(randomInt(36))).join('');
