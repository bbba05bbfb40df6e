/** What a store says for itself, whatever database is under it. What the database says is told by its dialect. */
import { aborted, CHANGES_MAX, type CollectionName, type StoreError } from '@quayside/core/ports';

export const conflict = (collection: CollectionName, id: string): StoreError => ({
  kind: 'store-conflict',
  collection,
  id,
  message: `The record ${id} of ${collection} is not as it was expected.`,
  hint: 'Read it again and decide anew.',
  retryable: true,
});

export const leaseLost = (lease: string, token: number): StoreError => ({
  kind: 'lease-lost',
  lease,
  message: `The lease ${lease} is no longer held under token ${token}.`,
  hint: 'Leave what the lease covers to its new holder.',
  retryable: false,
});

export const tooManyChanges = (count: number): StoreError => ({
  kind: 'store-refused',
  message: `${count} changes in one commit are more than ${CHANGES_MAX}.`,
  hint: 'Commit in parts.',
  retryable: false,
});

export const storeClosed = (): StoreError => ({
  kind: 'closed',
  message: 'The store is closed.',
  hint: 'Open it again.',
  retryable: false,
});

export const newerSchema = (place: string, schema: number, latest: number): StoreError => ({
  kind: 'store-refused',
  code: 'newer-schema',
  message: `${place} has schema ${schema}; this version of Quayside knows up to ${latest}.`,
  hint: 'Upgrade Quayside on this host to the version of the newest host that shares the store, or name another path.',
  retryable: false,
});

export const foreignTables = (place: string, names: readonly string[]): StoreError => ({
  kind: 'store-refused',
  code: 'foreign-database',
  message: `${place} belongs to something else: it has the tables ${names.slice(0, 5).join(', ')} and none of Quayside's.`,
  hint: 'Name a path of its own for the store; it is created where nothing is.',
  retryable: false,
});

/** Aborted before anything was sent: certain to have done nothing. */
export const notBegun = (signal: AbortSignal): StoreError => ({
  ...aborted('The call to the store', signal.reason),
  outcome: 'refused',
});
