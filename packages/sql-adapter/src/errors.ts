/** What a store of tables says for itself. What the database says is told by its dialect. */
import { aborted, type StoreError } from '@quayside/core/ports';
import type { Dialect } from './dialect.js';

type Where = Pick<Dialect, 'place' | 'elsewhere'>;

export const newerSchema = ({ place, elsewhere }: Where, schema: number, latest: number): StoreError => ({
  kind: 'store-refused',
  code: 'newer-schema',
  message: `${place} has schema ${schema}; this version of Quayside knows up to ${latest}.`,
  hint: `Upgrade Quayside on this host to the version of the newest host that shares the store, or name another ${elsewhere}.`,
  retryable: false,
});

export const foreignTables = ({ place, elsewhere }: Where, names: readonly string[]): StoreError => ({
  kind: 'store-refused',
  code: 'foreign-database',
  message: `${place} belongs to something else: it has the tables ${names.slice(0, 5).join(', ')} and none of Quayside's.`,
  hint: `Name a ${elsewhere} of its own for the store; it is created where nothing is.`,
  retryable: false,
});

/** Aborted before anything was sent: certain to have done nothing. */
export const notBegun = (signal: AbortSignal): StoreError => ({
  ...aborted('The call to the store', signal.reason),
  outcome: 'refused',
});
