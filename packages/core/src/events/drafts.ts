import type { Json } from '../domain/json.js';
import type { Clock, Ids } from '../ports/clock.js';
import type { Change } from '../ports/store.js';
import type { EventHub } from './hub.js';
import { EVENT_STREAM, type EventDraft } from './types.js';

/** An event as it goes into the stream: with an id that stays the same however often it is told. */
export type EventEntry = EventDraft & { readonly id: string; readonly time: number };

export function eventEntries(
  { clock, ids }: { readonly clock: Clock; readonly ids: Ids },
  drafts: readonly EventDraft[],
): EventEntry[] {
  const time = clock.now();
  return drafts.map((draft) => ({ ...draft, id: ids.next(time), time }));
}

export const appendEvents = (entries: readonly EventEntry[]): Change[] =>
  entries.length === 0 ? [] : [{ op: 'append', stream: EVENT_STREAM, entries: entries as unknown as readonly Json[] }];

/** Tells this process of events that a commit has made true. */
export function emitEvents(hub: EventHub, entries: readonly EventEntry[]): void {
  for (const entry of entries) hub.emit(entry.type, entry.payload as never);
}
