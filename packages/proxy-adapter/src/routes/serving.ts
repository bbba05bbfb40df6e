/**
 * One server of the proxy: it follows the store's routes, says how far it has come, and shows that it is alive.
 *
 *   stale ──beat, then read──▶ fresh ──beat in time──▶ fresh ──ttl without a beat──▶ stale
 *
 * Fresh means: whoever changes a route waits for this server, so its table is as good as the store. Stale means: nobody may be
 * waiting, so the routes are read again before another request is forwarded, each time where the store takes no beats (its disk is full,
 * somebody has locked it) and can be read. Freshness counts from *before* a beat was sent, and a beat that arrived after it had run out
 * does not mend it: only reading after that beat does.
 *
 * Each period of freshness has a record of its own: a record that was taken out as dead and then came back would count its versions
 * from one again, and who has seen an earlier one could take the new one for it, and for dead.
 *
 * A change is written first and the servers are listed after it; a server writes its record first and reads the routes after it. So
 * of a change and a server that starts (or comes back), at least one sees the other.
 */
import type { Change, Clock, Store, StoreError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { RouteLog } from './log.js';
import { turns } from './pause.js';
import type { RouteChange, RouteTable } from './table.js';
import { isRecordOf, recordId, type ServerWatch } from './watch.js';

/** Commits come in bursts (a log, a journal): they are looked at together. */
const LOOK_DELAY_MS = 10;
/** How often a store that does not tell of commits is looked at. */
const POLL_MS = 100;
/** Between a change that this process has put itself and the word that it is served: only a putter elsewhere that repeats it asks. */
const OWN_ACK_DELAY_MS = 50;
/** How long a request waits for a stale server to become fresh. */
const REVIVE_LIMIT_MS = 3_000;

export interface Serving {
  readonly server: string;
  /** Registers, reads every route, and goes on following. */
  start(frontDoor: string, signal: AbortSignal): Promise<Result<void, StoreError>>;
  /** Another address to ask this server at. */
  moveTo(frontDoor: string): void;
  ready(): true | Promise<boolean>;
  /** After a change of this process's own: takes it over at once where nothing lies between, else reads. */
  takeOver(revision: number, change: RouteChange, signal: AbortSignal): Promise<Result<void, StoreError>>;
  /** The table has every change up to this one. */
  reach(revision: number, signal: AbortSignal): Promise<Result<void, StoreError>>;
  /** Stops following and takes its record out, so that nobody waits for it. */
  stop(signal: AbortSignal): Promise<void>;
}

export interface ServingOptions {
  /** Of this process: 18 random characters and the proxy's name. */
  readonly server: string;
  readonly key: string;
  readonly proxy: string;
  readonly ttlMs: number;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: RouteLog;
  readonly watch: ServerWatch;
  readonly table: RouteTable;
}

export function serving({ server, key, proxy, ttlMs, store, clock, log, watch, table }: ServingOptions): Serving {
  const ending = new AbortController();
  const { signal } = ending;
  const inTurn = turns();
  const beatInTurn = turns();
  const startedAt = clock.now();
  let frontDoor = '';
  let beat = 0;
  let acknowledged = -1;
  let period = 0;
  /** The record of an earlier period that is still to be taken out. */
  let left: string | undefined;
  let freshUntilMs = -1;
  let reviving: Promise<boolean> | undefined;
  const cancels = new Map<string, () => void>();
  let unsubscribe: (() => void) | undefined;

  /** One timer per purpose: a second call before it fires changes nothing. */
  const later = (purpose: string, ms: number, work: () => Promise<unknown>) => {
    if (signal.aborted || cancels.has(purpose)) return;
    cancels.set(
      purpose,
      clock.after(ms, () => {
        cancels.delete(purpose);
        void work();
      }),
    );
  };

  const isFresh = () => clock.monotonicMs() < freshUntilMs;

  /** Brings the table up to the store. In turn with everything else that changes the table. */
  const read = (limit: AbortSignal): Promise<Result<void, StoreError>> =>
    inTurn(async () => {
      const news = await log.since(table.revision, limit);
      if (news.isErr()) return err(news.error);
      if (news.value.kind === 'all') table.replace(news.value.revision, news.value.records);
      if (news.value.kind === 'changes') table.apply(news.value.revision, news.value.changes);
      return ok();
    });

  const beatOnce = async (limit: AbortSignal): Promise<Result<{ readonly sentAtMs: number }, StoreError>> => {
    const sentAtMs = clock.monotonicMs();
    const reached = Math.max(0, table.revision);
    beat += 1;
    const id = recordId(server, period);
    const record = { id, proxy, beat, ttlMs, acknowledged: reached, frontDoor, key, startedAt };
    const changes: Change[] = [{ op: 'put', collection: 'proxyServers', record }];
    if (left !== undefined) changes.push({ op: 'remove', collection: 'proxyServers', id: left });
    const committed = await store.commit(changes, { signal: limit });
    if (committed.isErr()) return err(committed.error);
    left = undefined;
    acknowledged = reached;
    return ok({ sentAtMs });
  };

  /** Writes the record: one more beat, and how far the table is. Fresh afterwards, or an error. */
  const announce = (limit: AbortSignal): Promise<Result<void, StoreError>> =>
    beatInTurn(async () => {
      if (isFresh()) {
        const sent = await beatOnce(limit);
        if (sent.isErr()) return err(sent.error);
        if (isFresh()) {
          freshUntilMs = Math.max(freshUntilMs, sent.value.sentAtMs + ttlMs);
          if (table.revision > acknowledged) later('acknowledge', 0, acknowledge);
          return ok();
        }
      }
      // The first beat, or one too late: somebody may have stopped waiting for this server before it arrived.
      if (period > 0) left = recordId(server, period);
      period += 1;
      const sent = await beatOnce(limit);
      if (sent.isErr()) return err(sent.error);
      const caughtUp = await read(limit);
      if (caughtUp.isErr()) return err(caughtUp.error);
      freshUntilMs = sent.value.sentAtMs + ttlMs;
      if (table.revision > acknowledged) later('acknowledge', 0, acknowledge);
      return ok();
    });

  /** Work of the server's own: ends with it, and is over after `ms` whatever the store does. */
  const within = async (ms: number, work: (limit: AbortSignal) => Promise<unknown>): Promise<void> => {
    const limit = new AbortController();
    const isOver = new Promise<void>((resolve) => {
      limit.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const end = () => limit.abort();
    const cancel = clock.after(ms, end);
    signal.addEventListener('abort', end, { once: true });
    try {
      await Promise.race([work(limit.signal), isOver]);
    } catch {
      // A store that throws has answered nothing: what follows is what follows an error.
    } finally {
      cancel();
      signal.removeEventListener('abort', end);
    }
  };

  const follow = async (limit: AbortSignal) => {
    const before = table.revision;
    await read(limit);
    if (table.revision > before) await announce(limit);
  };

  const heartbeat = async () => {
    await within(ttlMs, async (limit) => {
      await announce(limit);
      await follow(limit);
      const seen = await watch.look(limit);
      if (seen.isOk())
        await watch.sweep(
          seen.value.filter((each) => each.isDead && !isRecordOf(server, each.record.id)),
          limit,
        );
    });
    later('beat', ttlMs / 3, heartbeat);
  };

  const poll = async () => {
    await within(ttlMs, follow);
    later('poll', POLL_MS, poll);
  };

  const revive = async (): Promise<boolean> => {
    await within(REVIVE_LIMIT_MS, announce);
    return isFresh();
  };

  /** For one request: the routes as they are now. */
  const upToDate = async (): Promise<boolean> => {
    let isRead = false;
    await within(REVIVE_LIMIT_MS, async (limit) => {
      isRead = (await read(limit)).isOk();
    });
    return isRead;
  };

  const acknowledge = () => within(ttlMs, announce);

  const reach = (revision: number, limit: AbortSignal): Promise<Result<void, StoreError>> =>
    table.revision >= revision ? Promise.resolve(ok()) : read(limit);

  return {
    server,
    async start(at, limit) {
      frontDoor = at;
      const begun = await announce(limit);
      if (begun.isErr()) return begun;
      const said = await announce(limit);
      if (said.isErr()) return said;
      unsubscribe = store.subscribe?.(() => later('look', LOOK_DELAY_MS, () => within(ttlMs, follow)));
      if (!unsubscribe) later('poll', POLL_MS, poll);
      later('beat', ttlMs / 3, heartbeat);
      return ok();
    },
    moveTo(at) {
      frontDoor = at;
      later('acknowledge', 0, acknowledge);
    },
    ready() {
      if (isFresh()) return true;
      if (signal.aborted) return Promise.resolve(false);
      reviving ??= revive().finally(() => {
        reviving = undefined;
      });
      return eitherOf(reviving, upToDate());
    },
    async takeOver(revision, change, limit) {
      await inTurn(async () => {
        if (table.revision === revision - 1) table.apply(revision, [change]);
      });
      const reached = await reach(revision, limit);
      later('acknowledge', OWN_ACK_DELAY_MS, acknowledge);
      return reached;
    },
    reach,
    async stop(limit) {
      ending.abort();
      unsubscribe?.();
      for (const cancel of cancels.values()) cancel();
      cancels.clear();
      // A beat on its way must not put the record back.
      await beatInTurn(async () => {
        const records = [recordId(server, period), ...(left === undefined ? [] : [left])];
        const changes = records.map((id) => ({ op: 'remove', collection: 'proxyServers', id }) as const);
        await store.commit(changes, { signal: limit });
      });
    },
  };
}

/** As soon as one of them is true, else false. */
const eitherOf = (one: Promise<boolean>, other: Promise<boolean>): Promise<boolean> =>
  Promise.race([one, other]).then(async (first) => first || (await one) || other);
