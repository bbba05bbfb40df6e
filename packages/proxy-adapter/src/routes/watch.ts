/**
 * Which servers of the proxy are alive, as one process sees them.
 *
 * A server is dead once its record has stood still for its ttl, and a tenth more, on the clock of the process that looks. The server
 * counts the same ttl on its own clock from before it wrote that record, so it knows earlier than anybody else: it reads the routes
 * again before it forwards another request, and nobody has to wait for it. No two clocks are compared.
 */
import type { Clock, ProxyServerRecord, Store, Stored, StoreError } from '@quayside/core/ports';
import type { Result } from 'neverthrow';

export interface Seen {
  readonly record: ProxyServerRecord;
  readonly version: number;
  readonly isDead: boolean;
}

/** A server's record in its n-th period of freshness. */
export const recordId = (server: string, period: number): string => `${server}.${period}`;
export const isRecordOf = (server: string, record: string): boolean => record.startsWith(`${server}.`);

export interface ServerWatch {
  look(signal: AbortSignal): Promise<Result<readonly Seen[], StoreError>>;
  /** Takes the records of the dead out, each only if it still stands still. */
  sweep(dead: readonly Seen[], signal: AbortSignal): Promise<void>;
}

export function serverWatch(store: Store, clock: Clock, proxy: string): ServerWatch {
  let sightings = new Map<string, { readonly version: number; readonly sinceMs: number }>();
  return {
    async look(signal) {
      const listed = await store.list('proxyServers', { where: { proxy } }, { signal });
      return listed.map((records: readonly Stored<ProxyServerRecord>[]) => {
        const now = clock.monotonicMs();
        const before = sightings;
        sightings = new Map();
        return records.map(({ value: record, version }) => {
          const last = before.get(record.id);
          const sinceMs = last?.version === version ? last.sinceMs : now;
          sightings.set(record.id, { version, sinceMs });
          return { record, version, isDead: now - sinceMs > record.ttlMs * 1.1 };
        });
      });
    },
    async sweep(dead, signal) {
      for (const { record, version } of dead) {
        await store.commit([{ op: 'remove', collection: 'proxyServers', id: record.id, version }], { signal });
      }
    },
  };
}
