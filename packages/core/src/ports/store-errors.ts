/** What every store says for itself, whatever database is under it. */
import { failure } from '../domain/errors.js';
import type { CollectionName } from '../domain/records.js';
import { CHANGES_MAX, type StoreError } from './store.js';

export const storeConflict = (collection: CollectionName, id: string): StoreError =>
  failure(
    'store-conflict',
    `The record ${id} of ${collection} is not as it was expected.`,
    'Read it again and decide anew.',
    { retryable: true, collection, id },
  );

export const fenceFailed = (lease: string, token: number): StoreError =>
  failure(
    'lease-lost',
    `The lease ${lease} is no longer held under token ${token}.`,
    'Leave what the lease covers to its new holder.',
    { lease },
  );

export const tooManyChanges = (count: number): StoreError =>
  failure('store-refused', `${count} changes in one commit are more than ${CHANGES_MAX}.`, 'Commit in parts.');

export const storeClosed = (): StoreError => failure('closed', 'The store is closed.', 'Open it again.');
