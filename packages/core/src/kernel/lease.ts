/**
 * Leases: who may change a stage, an instance, a domain or a proxy, and until when.
 *
 * Two hosts can believe that they hold one: a host that was suspended wakes up after its lease was given away. So each grant
 * carries a token that only grows, and every commit is fenced with it: clocks decide when a host tries, never who is right.
 * A side effect at the engine or the proxy cannot be fenced; it starts only while the lease outlasts it, and whoever takes over
 * waits for as long beyond the expiry before an effect of its own. Source: M. Kleppmann, "How to do distributed locking", 2016.
 *
 *   free ──take──▶ held ──renew──▶ held ──release──▶ free
 *                    └──unrenewed for its ttl, seen by a contender's own monotonic clock──▶ held by the contender
 */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type BugError, failure, outcomeUnknown, type TaggedError } from '../domain/errors.js';
import type { LeaseRecord } from '../domain/records.js';
import { isoTime } from '../domain/time.js';
import type { CallOptions } from '../ports/call.js';
import type { Clock } from '../ports/clock.js';
import type { Change, CommitReceipt, Fence, Store, StoreError } from '../ports/store.js';
import { BeatWatch, type Standing } from './beat-watch.js';
import { type Grant, HeldLease, type Lease, type LeaseHost, type LeaseTiming, MARGIN_MS } from './held-lease.js';
import { Renewals } from './renewals.js';
import { routine } from './routine.js';
import { sleep } from './scope.js';

/** Why it cannot be had now. */
export interface LeaseHolder {
  readonly lease: string;
  readonly holder: string;
  readonly since: number;
  readonly deployment: string | null;
}

export interface Taken {
  readonly leases: readonly Lease[];
  /** Null where the commit's answer was lost, and only that it arrived is known. */
  readonly receipt: CommitReceipt | null;
}

export interface TakeOptions extends CallOptions {
  readonly deployment: string | null;
  /** Committed together with the grant, or not at all. */
  readonly changes?: () => readonly Change[];
  readonly fence?: readonly Fence[];
  /** Told when somebody else holds it, and again for each new holder. */
  readonly onWait?: (holder: LeaseHolder) => void;
  /** Do not wait: fail with `stage-busy`. */
  readonly once?: boolean;
}

/** How long a grant whose answer was lost is asked about, and a store that does not answer is waited for. */
const LOST_ANSWER_MS = 30_000;

export class Leases {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #holder: string;
  readonly #timing: LeaseTiming;
  #asks = 0;
  /** What this process holds, or is asking for: two may ask for the same token, and only one of them gets it. */
  readonly #own = new Set<LeaseRecord>();
  readonly #beats: BeatWatch;
  readonly #host: LeaseHost;

  constructor(store: Store, clock: Clock, holder: string, timing: LeaseTiming) {
    this.#store = store;
    this.#clock = clock;
    this.#holder = holder;
    this.#timing = timing;
    this.#beats = new BeatWatch(clock);
    this.#host = { store, clock, timing, renewals: new Renewals(store, clock, timing.renewMs / 5) };
  }

  /** Takes all of them, in one commit, waiting for those that are held. The keys' order is the order of locking. */
  take(
    keys: readonly string[],
    options: TakeOptions,
  ): ResultAsync<Taken, StoreError | TaggedError<'stage-busy'> | BugError> {
    const told = new Map<string, number>();
    const untilMs = this.#clock.monotonicMs() + LOST_ANSWER_MS;
    const self = this;
    return routine(async function* () {
      for (;;) {
        const prepared = await self.#prepare(keys, options);
        // A store that was away for a moment is no reason to give up what waits in line.
        const isAway = (error: { readonly kind: string }) =>
          error.kind === 'store-unavailable' && !options.once && self.#clock.monotonicMs() < untilMs;
        if (prepared.isErr() && isAway(prepared.error)) {
          yield* sleep(self.#clock, self.#pauseMs(), options.signal);
          continue;
        }
        const { blockedBy, rows, changes } = yield* prepared;
        if (blockedBy) {
          if (options.once) return err(busy(blockedBy));
          self.#tell(blockedBy, told, options.onWait);
          yield* sleep(self.#clock, self.#pauseMs(), options.signal);
          continue;
        }
        const sentMs = self.#clock.monotonicMs();
        // Ours from before it is asked for: nobody else of this process is to take a grant for a forgotten one.
        for (const { record } of rows) self.#own.add(record);
        const committed = await self.#store.commit([...changes, ...(options.changes?.() ?? [])], {
          signal: options.signal,
          ...(options.fence ? { fence: options.fence } : {}),
        });
        if (committed.isOk()) return ok({ leases: self.#hold(rows, sentMs), receipt: committed.value });
        const { error } = committed;
        if (outcomeUnknown(error) && (await self.#arrived(rows)))
          return ok({ leases: self.#hold(rows, sentMs), receipt: null });
        for (const { record } of rows) self.#own.delete(record);
        // Somebody was quicker with a lease: look again. Any other conflict is the caller's to judge.
        if (error.kind === 'store-conflict' && error.collection === 'leases') continue;
        if (!isAway(error)) return err(error);
        yield* sleep(self.#clock, self.#pauseMs(), options.signal);
      }
    });
  }

  /** Who holds it, as far as can be told here, and the version of its row; null: nobody, and there is none. */
  look(
    key: string,
    options: CallOptions,
  ): ResultAsync<{ readonly held: LeaseRecord | null; readonly version: number | null }, StoreError> {
    return this.#store.get('leases', key, options).map((stored) => ({
      held: stored && this.#isHeld(stored.value) ? stored.value : null,
      version: stored?.version ?? null,
    }));
  }

  /**
   * The answer was lost: what we have asked for in the first row says that all of the commit has arrived. The token does not: another who
   * asks in this process asks for the same. Asked under no signal of the caller's, which may be what ended the commit: a grant that nobody
   * knows of would be in everybody's way until it expires. Where the row is as it was, the commit may still be under way.
   */
  async #arrived(rows: readonly Grant[]): Promise<boolean> {
    const [first] = rows;
    const { signal } = new AbortController();
    const endedMs = this.#clock.monotonicMs();
    while (first) {
      const stored = await this.#store.get('leases', first.record.id, { signal });
      const passedMs = this.#clock.monotonicMs() - endedMs;
      if (stored.isOk()) {
        const version = stored.value?.version ?? 0;
        const { holder, ask } = stored.value?.value ?? {};
        if (version >= first.version)
          return version === first.version && holder === this.#holder && ask === first.record.ask;
        if (passedMs >= this.#timing.absentForMs) return false;
      } else if (stored.error.kind === 'closed' || passedMs >= LOST_ANSWER_MS) break;
      await sleep(this.#clock, this.#pauseMs(), signal);
    }
    return false;
  }

  #pauseMs(): number {
    return Math.max(20, Math.min(250, this.#timing.ttlMs / 20));
  }

  #tell(held: LeaseRecord, told: Map<string, number>, onWait: TakeOptions['onWait']): void {
    if (held.holder === null || told.get(held.id) === held.token) return;
    told.set(held.id, held.token);
    onWait?.({ lease: held.id, holder: held.holder, since: held.since, deployment: held.deployment });
  }

  #prepare(keys: readonly string[], options: TakeOptions) {
    const self = this;
    return routine(async function* () {
      const changes: Change[] = [];
      const rows: Grant[] = [];
      let blockedBy: LeaseRecord | undefined;
      self.#asks += 1;
      const ask = self.#asks;
      for (const key of keys) {
        const stored = yield* self.#store.get('leases', key, options);
        // Every one is looked at, also behind one that is held: those of a dead holder run out together and not one after the other.
        const standing = self.standing(stored?.value);
        if (standing === 'alive' || standing === 'unknown') blockedBy ??= stored?.value;
        const held = stored?.value;
        const nowMs = self.#clock.monotonicMs();
        const quietMs =
          held && standing === 'expired'
            ? self.#beats.expiredMs(held) + held.effectTimeoutMs + MARGIN_MS
            : nowMs + (held?.quietForMs ?? 0);
        const record: LeaseRecord = {
          id: key,
          holder: self.#holder,
          // Of a row that was removed nobody knows the last token; it has had fewer grants than milliseconds have passed since.
          token: (stored?.value.token ?? self.#clock.now()) + 1,
          beat: (stored?.value.beat ?? 0) + 1,
          ttlMs: self.#timing.ttlMs,
          // What an earlier holder may have under way for longer than that is passed on to whoever has it after us, should we die of it.
          effectTimeoutMs: Math.max(self.#timing.effectTimeoutMs, Math.ceil(quietMs - nowMs) - MARGIN_MS),
          deployment: options.deployment,
          since: self.#clock.now(),
          ask,
        };
        changes.push(
          stored
            ? { op: 'put', collection: 'leases', record, version: stored.version }
            : { op: 'insert', collection: 'leases', record },
        );
        rows.push({ record, version: (stored?.version ?? 0) + 1, quietMs });
      }
      return ok({ blockedBy, changes, rows });
    });
  }

  #isHeld(held: LeaseRecord): boolean {
    return ['alive', 'unknown'].includes(this.standing(held));
  }

  /**
   * What is known of a lease's holder. It takes asking again and again to find out: so long as the beat has not moved and has not stood still
   * for the holder's `ttlMs`, nobody can tell.
   */
  standing(held: LeaseRecord | undefined): Standing {
    const isKnown = ({ id, token }: LeaseRecord) => id === held?.id && token === held.token;
    const isOwn = held?.holder === this.#holder;
    if (isOwn && [...this.#own].some(isKnown)) return 'alive';
    // Ours, and nobody here holds it: the answer to its release was lost.
    if (held?.holder != null && !isOwn) return this.#beats.look(held);
    if (held) this.#beats.forget(held.id);
    return 'free';
  }

  #hold(grants: readonly Grant[], sentMs: number): Lease[] {
    return grants.map((grant) => new HeldLease(this.#host, grant, sentMs, () => this.#own.delete(grant.record)));
  }
}

const busy = (held: LeaseRecord): TaggedError<'stage-busy'> =>
  failure(
    'stage-busy',
    `${held.id} is held by ${held.holder} since ${isoTime(held.since)}${held.deployment ? `, for deployment ${held.deployment}` : ''}.`,
    'Wait until it is through, or cancel what it is held for.',
    { retryable: true },
  );
