import type { Compilable, Kysely } from 'kysely';
import type { Dialect } from '../dialect.js';
import type { FixedTables } from '../tables.js';

/**
 * One step forward of the schema. What was released is never changed again: databases that it made are out there. So it names its
 * tables and columns itself and takes them from nowhere else.
 */
export interface Migration {
  readonly name: string;
  statements(db: Kysely<FixedTables>, dialect: Dialect): readonly Compilable[];
}
