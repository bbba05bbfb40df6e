/**
 * Leases: who may change a stage, an instance, a domain or a proxy, and until when.
 *
 * Two hosts can believe that they hold one: a host that was suspended wakes up after its lease was given away. So each grant
 * carries a token that only grows, and every commit is fenced with it: clocks decide when a host tries, never who is right.
 * A side effect at the engine or the proxy cannot be fenced; it starts only while the lease outlasts it, and whoever takes over
 * waits for as long before an effect of its own. Source: M. Kleppmann, "How to do distributed locking", 2016.
 *
 *   free ──take──▶ held ──renew──▶ held ──release──▶ free
 *                    └──unrenewed for its ttl, seen by a contender's own monotonic clock──▶ held by the contender
 */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { type AnyError, type BugError, failure, outcomeUnknown, type TaggedError } from '../domain/errors.js';
import type { LeaseRecord } from '../domain/records.js';
import { isoTime } from '../domain/time.js';
import type { CallOptions } from '../ports/call.js';
import type { Clock } from '../ports/clock.js';
import type { Change, CommitReceipt, Fence, LeaseLostError, Store, StoreError } from '../ports/store.js';
import { routine } from './routine.js';
import { scope, sleep } from './scope.js';

export interface LeaseTiming {
  readonly ttlMs: number;
  readonly renewMs: number;
  readonly effectTimeoutMs: number;
  /** What ended without a clear answer may still happen for so long. */
  readonly absentForMs: number;
}

/** Added to a call's own limit: what a timer, a packet or a pause of the process may take. */
const MARGIN_MS = 1_000;

export const leaseLost = (lease: string): LeaseLostError =>
  failure(
    'lease-lost',
    `The lease ${lease} was not renewed in time: somebody else may hold it.`,
    'Leave the rest to its new holder; find out why this host stood still.',
    { lease },
  );

/** A lease that this process holds. */
export interface Lease {
  readonly key: string;
  readonly fence: Fence;
  /** Aborted when it is known to be lost. */
  readonly lost: AbortSignal;
  /** When it was asked for, by our monotonic clock: whatever the holder before had sent under it was given up before. */
  readonly grantedMs: number;
  /**
   * From when on nothing can still happen that was begun under it, by us or a holder before: later than the grant where that one's lease had
   * expired, or was given back before that was over.
   */
  readonly quietMs: number;
  /**
   * Resolves when an effect of at most `limitMs` may start: the lease outlasts it, and nothing that was begun before can overtake it.
   * Renews if that is what it takes.
   */
  mayStart(limitMs: number, options: CallOptions): ResultAsync<void, LeaseLostError | StoreError>;
  /** An effect under it has ended without a clear answer, and may still happen within `absentForMs`. */
  unsettled(): void;
  /**
   * The change that frees it, for a commit of the holder's. From here on it is not renewed: `released` has to be called once that commit
   * is through, and `kept` where it is not.
   */
  releaseChange(): Promise<Change>;
  released(): void;
  kept(): void;
  /** Frees it by a commit of its own. A lease that is lost is left alone. */
  release(options: CallOptions): Promise<void>;
}

/** An effect that these leases cover: it starts when all of them outlast `limitMs`, and they remember that it may still be under way. */
export function effectUnder<T, E extends AnyError>(
  leases: readonly Lease[],
  limitMs: number,
  options: CallOptions,
  effect: () => PromiseLike<Result<T, E>>,
): ResultAsync<T, E | LeaseLostError | StoreError | BugError> {
  return routine(async function* () {
    for (const lease of leases) yield* lease.mayStart(limitMs, options);
    const ended = await effect();
    if (ended.isErr() && outcomeUnknown(ended.error)) for (const lease of leases) lease.unsettled();
    return ended;
  });
}

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

/** Of an instance or a task, which nobody asks for again once it is gone: their rows go when they are freed. */
const SINGLE_USE = /^(instance|task):/;

/** How long a grant whose answer was lost is asked about, and a store that does not answer is waited for. */
const LOST_ANSWER_MS = 30_000;

export class Leases {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #holder: string;
  readonly #timing: LeaseTiming;
  /** What this process holds, or is asking for: two may ask for the same token, and only one of them gets it. */
  readonly #own = new Set<LeaseRecord>();
  readonly #beats: BeatWatch;

  constructor(store: Store, clock: Clock, holder: string, timing: LeaseTiming) {
    this.#store = store;
    this.#clock = clock;
    this.#holder = holder;
    this.#timing = timing;
    this.#beats = new BeatWatch(clock);
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
   * The answer was lost: our own token in the first row says that all of the commit has arrived. Asked under no signal of the caller's,
   * which may be what ended the commit: a grant that nobody knows of would be in everybody's way until it expires. Where the row is as it
   * was, the commit may still be under way.
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
        if (version >= first.version) return version === first.version && stored.value?.value.holder === this.#holder;
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
      for (const key of keys) {
        const stored = yield* self.#store.get('leases', key, options);
        // Every one is looked at, also behind one that is held: those of a dead holder run out together and not one after the other.
        const standing = self.standing(stored?.value);
        if (standing === 'alive' || standing === 'unknown') blockedBy ??= stored?.value;
        const record: LeaseRecord = {
          id: key,
          holder: self.#holder,
          // Of a row that was removed nobody knows the last token; it has had fewer grants than milliseconds have passed since.
          token: (stored?.value.token ?? self.#clock.now()) + 1,
          beat: (stored?.value.beat ?? 0) + 1,
          ttlMs: self.#timing.ttlMs,
          effectTimeoutMs: self.#timing.effectTimeoutMs,
          deployment: options.deployment,
          since: self.#clock.now(),
        };
        changes.push(
          stored
            ? { op: 'put', collection: 'leases', record, version: stored.version }
            : { op: 'insert', collection: 'leases', record },
        );
        const held = stored?.value;
        const waitMs = (standing === 'expired' ? held && held.effectTimeoutMs + MARGIN_MS : held?.quietForMs) ?? 0;
        rows.push({ record, version: (stored?.version ?? 0) + 1, waitMs });
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
    return grants.map(
      (grant) =>
        new HeldLease(this.#store, this.#clock, this.#timing, grant, sentMs, () => this.#own.delete(grant.record)),
    );
  }
}

interface Grant {
  readonly record: LeaseRecord;
  readonly version: number;
  /** An effect of the holder before may still be under way for so long. */
  readonly waitMs: number;
}

const busy = (held: LeaseRecord): TaggedError<'stage-busy'> =>
  failure(
    'stage-busy',
    `${held.id} is held by ${held.holder} since ${isoTime(held.since)}${held.deployment ? `, for deployment ${held.deployment}` : ''}.`,
    'Wait until it is through, or cancel what it is held for.',
    { retryable: true },
  );

/** What is renewed by a beat: a lease, and a host's row. */
export interface Beating {
  readonly id: string;
  /** Of another grant the beats begin anew. */
  readonly token?: number;
  readonly beat: number;
  readonly ttlMs: number;
}

interface Seen {
  readonly token: number | undefined;
  readonly beat: number;
  /** Since when the beat stands there, and when it was last looked at. */
  readonly sinceMs: number;
  readonly lookedMs: number;
  readonly isAlive: boolean;
}

/** `alive`: it was seen to renew, or to take it. `unknown`: it was not seen for long enough to tell. */
export type Standing = 'free' | 'expired' | 'alive' | 'unknown';

/**
 * Watches beats stand still, on our own monotonic clock. What one attempt has seen counts for the next: somebody who only looks
 * in now and then would else never see a dead holder's lease expire.
 */
export class BeatWatch {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Seen>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is known by now of whoever beats, as far as was seen here. */
  look({ id, token, beat, ttlMs }: Beating): Exclude<Standing, 'free'> {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#seen.get(id);
    const isSame = before !== undefined && before.token === token && before.beat === beat;
    // That it has moved since somebody looked an hour ago says nothing about now.
    const moved = before !== undefined && !isSame && nowMs - before.lookedMs < ttlMs;
    const sinceMs = isSame ? before.sinceMs : nowMs;
    const isAlive = isSame ? before.isAlive : moved;
    this.#seen.set(id, { token, beat, sinceMs, isAlive, lookedMs: nowMs });
    if (nowMs - sinceMs >= ttlMs) return 'expired';
    return isAlive ? 'alive' : 'unknown';
  }

  /** Whether it has stood still for its `ttlMs` by now. */
  hasStopped(beating: Beating): boolean {
    return this.look(beating) === 'expired';
  }

  /** It is not there any more, or nobody's. */
  forget(id: string): void {
    this.#seen.delete(id);
  }
}

class HeldLease implements Lease {
  readonly key: string;
  readonly fence: Fence;
  readonly grantedMs: number;
  quietMs: number;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #timing: LeaseTiming;
  readonly #lost = new AbortController();
  #record: LeaseRecord;
  #version: number;
  /** From before the last renewal was sent: what the store may have counted from is later, never earlier. */
  #renewedMs: number;
  #cancelTimer: (() => void) | undefined;
  #renewing: Promise<Result<void, StoreError>> | undefined;
  #isReleased = false;
  readonly #onReleased: () => void;

  constructor(store: Store, clock: Clock, timing: LeaseTiming, grant: Grant, sentMs: number, onReleased: () => void) {
    this.#onReleased = onReleased;
    this.#store = store;
    this.#clock = clock;
    this.#timing = timing;
    this.key = grant.record.id;
    this.fence = { lease: grant.record.id, token: grant.record.token };
    this.#record = grant.record;
    this.#version = grant.version;
    this.#renewedMs = sentMs;
    this.grantedMs = sentMs;
    this.quietMs = sentMs + grant.waitMs;
    this.#schedule(timing.renewMs);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  mayStart(limitMs: number, options: CallOptions): ResultAsync<void, LeaseLostError | StoreError | BugError> {
    const self = this;
    return routine(async function* () {
      const waitMs = self.quietMs - self.#clock.monotonicMs();
      if (waitMs > 0) yield* sleep(self.#clock, waitMs, options.signal);
      if (self.#remainingMs() < limitMs + MARGIN_MS) {
        const renewed = await self.#renew();
        // One that was lost is not only a call that was broken off.
        if (!self.#lost.signal.aborted) yield* renewed;
      }
      if (self.#lost.signal.aborted || self.#remainingMs() < limitMs + MARGIN_MS) return err(leaseLost(self.key));
      return ok(undefined);
    });
  }

  unsettled(): void {
    this.quietMs = Math.max(this.quietMs, this.#clock.monotonicMs() + this.#timing.absentForMs);
  }

  async releaseChange(): Promise<Change> {
    this.#cancelTimer?.();
    await this.#renewing;
    // The renewal that was under way has set the next one.
    this.#cancelTimer?.();
    const quietForMs = Math.ceil(this.quietMs - this.#clock.monotonicMs());
    const { key: id } = this;
    if (SINGLE_USE.test(id) && quietForMs <= 0)
      return { op: 'remove', collection: 'leases', id, version: this.#version };
    return {
      op: 'put',
      collection: 'leases',
      record: {
        ...this.#record,
        holder: null,
        deployment: null,
        beat: this.#record.beat + 1,
        ...(quietForMs > 0 ? { quietForMs } : {}),
      },
      version: this.#version,
    };
  }

  released(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#cancelTimer?.();
    this.#onReleased();
  }

  kept(): void {
    if (!this.#isReleased && !this.#lost.signal.aborted) this.#schedule(0);
  }

  async release(options: CallOptions): Promise<void> {
    if (this.#isReleased || this.#lost.signal.aborted) return this.released();
    const change = await this.releaseChange();
    // Unanswered, it expires by itself: nobody has to know.
    await this.#store.commit([change], { signal: options.signal, fence: [this.fence] });
    this.released();
  }

  #remainingMs(): number {
    return this.#timing.ttlMs - (this.#clock.monotonicMs() - this.#renewedMs);
  }

  #schedule(afterMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.after(afterMs, () => {
      void this.#renew();
    });
  }

  /** One renewal at a time: two would take each other's version for somebody else's. */
  #renew(): Promise<Result<void, StoreError>> {
    if (this.#isReleased) return Promise.resolve(ok(undefined));
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewOnce(): Promise<Result<void, StoreError>> {
    this.#cancelTimer?.();
    const sentMs = this.#clock.monotonicMs();
    const record = { ...this.#record, beat: this.#record.beat + 1 };
    const limit = scope(this.#clock, [this.#lost.signal], Math.max(1, this.#remainingMs()));
    const committed = await this.#store
      .commit([{ op: 'put', collection: 'leases', record, version: this.#version }], {
        signal: limit.signal,
        fence: [this.fence],
      })
      .orElse((error) => this.#arrived(record, error, limit.signal));
    limit.end();
    if (committed.isOk()) {
      this.#record = record;
      this.#version += 1;
      this.#renewedMs = sentMs;
      if (!this.#isReleased) this.#schedule(this.#timing.renewMs);
      return ok(undefined);
    }
    const { error } = committed;
    const isGone = error.kind === 'lease-lost' || error.kind === 'store-conflict' || this.#remainingMs() <= 0;
    if (isGone) this.#lost.abort(leaseLost(this.key));
    else this.#schedule(Math.max(50, this.#timing.renewMs / 10));
    return err(error);
  }

  /** A renewal whose answer was lost may have arrived: then the version is the next one, and the record ours. */
  #arrived(record: LeaseRecord, error: StoreError, signal: AbortSignal): ResultAsync<unknown, StoreError> {
    return this.#store.get('leases', this.key, { signal }).andThen((stored) => {
      const isOurs =
        stored?.version === this.#version + 1 &&
        stored.value.token === record.token &&
        stored.value.beat === record.beat;
      return isOurs ? ok(undefined) : err(error);
    });
  }
}
