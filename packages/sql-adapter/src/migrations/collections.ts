/** How a migration makes the tables of collections, and their indexes. */
import type { Compilable, CreateTableBuilder, Kysely } from 'kysely';
import type { Dialect } from '../dialect.js';
import type { FixedTables } from '../tables.js';

/** @param of per table its indexes, each of which ends with the id: what is found by it comes in the order of the ids */
export const collections = (
  db: Kysely<FixedTables>,
  dialect: Dialect,
  of: Readonly<Record<string, readonly (readonly string[])[]>>,
): readonly Compilable[] => Object.entries(of).flatMap(([name, indexes]) => collection(db, dialect, name, indexes));

function collection(
  db: Kysely<FixedTables>,
  dialect: Dialect,
  name: string,
  indexes: readonly (readonly string[])[],
): Compilable[] {
  const { text, number } = dialect.types;
  const columns = [...new Set(indexes.flat())];
  const bare = db.schema
    .createTable(name)
    .addColumn('id', text, (column) => column.primaryKey().notNull())
    .addColumn('version', number, (column) => column.notNull())
    .addColumn('body', text, (column) => column.notNull());
  const table = columns.reduce<CreateTableBuilder<string>>((built, column) => built.addColumn(column, text), bare);
  return [
    dialect.table(table, 'records'),
    ...indexes.map((index) => {
      const built = db.schema
        .createIndex(`${name}_by_${index.join('_')}`)
        .on(name)
        .columns([...index]);
      return dialect.indexedId ? built.expression(dialect.indexedId) : built.column('id');
    }),
  ];
}
