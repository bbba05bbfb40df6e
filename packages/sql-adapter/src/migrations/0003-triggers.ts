import { collections } from './collections.js';
import type { Migration } from './migration.js';

/** What came from outside, by webhooks and polls. */
export const triggers: Migration = {
  name: '0003-triggers',
  statements: (db, dialect) => collections(db, dialect, { deliveries: [['state']], triggers: [] }),
};
