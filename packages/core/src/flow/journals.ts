import type { ResultAsync } from 'neverthrow';
import type { JournalEntry } from '../domain/records.js';
import type { Store, StoreError } from '../ports/store.js';

/** Whether the stage's journals have such an entry: something that was begun, and neither committed nor undone. */
export const hasBegun = (
  store: Pick<Store, 'list'>,
  stageKey: string,
  isMeant: (entry: JournalEntry) => boolean,
  signal: AbortSignal,
): ResultAsync<boolean, StoreError> =>
  store
    .list('journals', { where: { stageKey } }, { signal })
    .map((journals) => journals.some(({ value }) => value.entries.some(isMeant)));

/** Whether a cutover of the domain has begun and neither been committed nor undone: its journal leads on. */
export const isMoving = (
  store: Pick<Store, 'list'>,
  stageKey: string,
  domain: string,
  signal: AbortSignal,
): ResultAsync<boolean, StoreError> =>
  hasBegun(
    store,
    stageKey,
    ({ step, intent }) =>
      ['cutover', 'route', 'stop-previous'].includes(step) && JSON.stringify(intent).includes(JSON.stringify(domain)),
    signal,
  );
