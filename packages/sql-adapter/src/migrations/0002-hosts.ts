import { collections } from './collections.js';
import type { Migration } from './migration.js';

/** Hosts that share a store, and what they tell each other. */
export const hosts: Migration = {
  name: '0002-hosts',
  statements: (db, dialect) =>
    collections(db, dialect, {
      hosts: [['group']],
      queues: [],
      cancels: [],
      idempotency: [],
      pins: [],
      conditions: [['stage_key']],
    }),
};
