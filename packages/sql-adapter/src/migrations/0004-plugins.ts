import { collections } from './collections.js';
import type { Migration } from './migration.js';

/** What plugins keep for themselves. */
export const plugins: Migration = {
  name: '0004-plugins',
  statements: (db, dialect) => collections(db, dialect, { plugin_state: [['plugin']] }),
};
