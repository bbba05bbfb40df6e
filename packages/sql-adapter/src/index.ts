export { type PostgresStoreOptions, postgresStore } from './postgres-store.js';
export { type SqliteStoreOptions, sqliteStore } from './sqlite-store.js';
