/**
 * Which hosts are there. One is gone when its row is, or when its beat has stood still here for its own ttl: nobody's clock is compared
 * with anybody else's.
 */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { DeploymentRecord, HostRecord } from '../domain/records.js';
import type { Host } from '../flow/host.js';
import { BeatWatch } from '../kernel/beat-watch.js';
import { allOf } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import type { Stored } from '../ports/store.js';

/** Whether it can still be run: by the host that was asked, or by a worker of its group in that one's place. */
export type CanRun = (deployment: DeploymentRecord) => boolean;

export interface Seen {
  isLive(host: string): boolean;
  /** Rows that nobody beats any more. */
  readonly dead: readonly Stored<HostRecord>[];
  readonly canRun: CanRun;
}

export class Hosts {
  readonly #host: Pick<Host, 'id' | 'store'>;
  readonly #beats: BeatWatch;

  constructor(host: Pick<Host, 'id' | 'store' | 'clock'>) {
    this.#host = host;
    this.#beats = new BeatWatch(host.clock);
  }

  /** Looks at all of them. Who has not watched a beat for its ttl yet takes it for a live one. */
  look(signal: AbortSignal): ResultAsync<Seen, AnyError> {
    const { id: own, store } = this.#host;
    const beats = this.#beats;
    return routine(async function* () {
      const rows = yield* allOf(store, 'hosts', {}, { signal });
      const isDead = ({ value }: Stored<HostRecord>) => value.id !== own && beats.hasStopped(value);
      const dead = rows.filter(isDead);
      const live = rows.filter((row) => !dead.includes(row)).map(({ value }) => value);
      const ids = new Set([own, ...live.map(({ id }) => id)]);
      const groups = new Set(live.flatMap(({ group, isWorker }) => (isWorker && group !== null ? [group] : [])));
      return ok<Seen, AnyError>({
        isLive: (host) => ids.has(host),
        dead,
        // A worker that has looked at it and cannot run it has left a mark.
        canRun: ({ host, group, needsHost }) =>
          ids.has(host) || (group !== null && groups.has(group) && needsHost === null),
      });
    });
  }
}
