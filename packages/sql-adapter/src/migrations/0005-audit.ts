import { collections } from './collections.js';
import type { Migration } from './migration.js';

/** Who did what. */
export const audit: Migration = {
  name: '0005-audit',
  statements: (db, dialect) => collections(db, dialect, { audit: [['stage_key'], ['project'], ['act']] }),
};
