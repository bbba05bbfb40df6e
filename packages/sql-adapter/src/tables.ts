/**
 * The tables: one per collection, whose rows are the record as JSON and, of its fields, those that an index needs; the streams
 * and their entries; and what is said about the store itself.
 */
import { COLLECTION_INDEXES, type CollectionName } from '@quayside/core/ports';
import type { SqlValue } from './dialect.js';

/** The store itself, as `key` and `value`: `schema` and `storeId`. */
export const META_TABLE = 'quayside_meta';
export const STREAMS_TABLE = 'streams';
export const ENTRIES_TABLE = 'entries';

export interface RecordTable {
  id: string;
  version: number;
  body: string;
  [column: string]: SqlValue;
}

export interface FixedTables {
  [META_TABLE]: { key: string; value: string };
  /** A stream's number is short, its name is not, and there are millions of entries. */
  [STREAMS_TABLE]: { id: number; name: string; last: number };
  [ENTRIES_TABLE]: { stream: number; seq: number; body: string };
}

/** A collection as it is kept. */
export interface Table {
  readonly collection: CollectionName;
  readonly name: string;
  /** The fields that are columns too, in order. */
  readonly fields: readonly string[];
  readonly columns: readonly string[];
  readonly indexes: readonly (readonly string[])[];
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export const TABLES: ReadonlyMap<string, Table> = new Map(
  (Object.keys(COLLECTION_INDEXES) as CollectionName[]).map((collection) => {
    const indexes: readonly (readonly string[])[] = COLLECTION_INDEXES[collection];
    const fields = [...new Set(indexes.flat())];
    return [collection, { collection, name: snake(collection), fields, columns: fields.map(snake), indexes }];
  }),
);

/** @throws where there is no such collection: a mistake of the caller's that its types have not shown */
export function tableOf(collection: string): Table {
  const table = TABLES.get(collection);
  if (!table) throw new TypeError(`No collection "${collection}".`);
  return table;
}

export const columnOf = (field: string): string => snake(field);

/** A field as its column has it: text, or null where there is none. */
export function columnValue(table: Table, field: string, value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw new TypeError(`The field "${field}" of "${table.collection}" is indexed and holds a ${typeof value}.`);
}
