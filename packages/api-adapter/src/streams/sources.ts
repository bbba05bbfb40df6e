/** The deployer's streams, entry by entry as they go over the wire. */
import type { Deployer, LogEntry, StoredEvent } from '@quayside/core';
import type { Place } from '../authorize.js';
import type { Encoded } from './block.js';
import type { Source } from './channel.js';
import { encode } from './frame.js';

export function logSource(deployer: Deployer, id: string): Source {
  const encoded = (entry: LogEntry): Encoded => ({
    seq: entry.seq,
    bytes: encode({ event: 'log', id: entry.seq, data: entry }),
    place: null,
  });
  return {
    name: `log ${id}`,
    read: (after, signal) => mapped(deployer.logs(id, { after, signal }), encoded),
    follow: (after, signal) => mapped(deployer.logs(id, { after, follow: true, signal }), encoded),
  };
}

export function eventSource(deployer: Deployer): Source {
  const encoded = (event: StoredEvent): Encoded => ({
    seq: event.seq,
    bytes: encode({ event: event.type, id: event.seq, data: event }),
    place: placeOf(event),
  });
  return {
    name: 'events',
    read: (after, signal) => mapped(deployer.events({ after, follow: false, signal }), encoded),
    follow: (after, signal) => mapped(deployer.events({ after, signal }), encoded),
  };
}

/** The stage that an event is about; none: it is about the store. */
export function placeOf({ payload }: Pick<StoredEvent, 'payload'>): Place {
  const parts = payload as { readonly [part: string]: unknown };
  for (const part of [parts['deployment'], parts['instance'], parts['route'], parts]) {
    if (typeof part !== 'object' || part === null) continue;
    const { project, stage } = part as Place;
    if (typeof project !== 'string') continue;
    return { project, ...(typeof stage === 'string' ? { stage } : {}) };
  }
  return {};
}

async function* mapped<T, R>(from: AsyncIterable<T>, map: (one: T) => R): AsyncGenerator<R> {
  for await (const one of from) yield map(one);
}
