/** The deployer's streams, entry by entry as they go over the wire. */
import type { Deployer, LogEntry, StoredEvent } from '@quayside/core';
import type { EventPlace, Place } from '../authorize.js';
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

/**
 * The stage that an event is about; none: it is about the store. What an event carries (a deployment, an instance, a route, an act) says
 * it, and so will what later events carry.
 */
export function placeOf({ type, payload }: Pick<StoredEvent, 'type' | 'payload'>): EventPlace {
  // Who did what may be nobody's business who may look at what is there.
  const action = type.startsWith('audit.') ? ({ action: 'read-audit' } as const) : {};
  for (const part of [payload, ...Object.values(payload)]) {
    if (typeof part !== 'object' || part === null) continue;
    const { project, stage } = part as Place;
    if (typeof project !== 'string') continue;
    return { project, ...(typeof stage === 'string' ? { stage } : {}), ...action };
  }
  return action;
}

async function* mapped<T, R>(from: AsyncIterable<T>, map: (one: T) => R): AsyncGenerator<R> {
  for await (const one of from) yield map(one);
}
