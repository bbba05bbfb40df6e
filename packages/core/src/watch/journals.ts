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
