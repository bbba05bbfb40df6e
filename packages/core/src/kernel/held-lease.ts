/** A lease while this process holds it: it is renewed, effects wait for it, and it is lost or given back. */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { type BugError, failure } from '../domain/errors.js';
import type { LeaseRecord } from '../domain/records.js';
import type { CallOptions } from '../ports/call.js';
import type { Clock } from '../ports/clock.js';
import type { Change, Fence, LeaseLostError, Store, StoreError } from '../ports/store.js';
import type { Renew, Renewals } from './renewals.js';
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
export const MARGIN_MS = 1_000;

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
  mayStart(limitMs: number, options: CallOptions): ResultAsync<void, LeaseLostError | StoreError | BugError>;
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

/** Of an instance or a task, which nobody asks for again once it is gone: their rows go when they are freed. */
const SINGLE_USE = /^(instance|task):/;

/** What was committed of it. */
export interface Grant {
  readonly record: LeaseRecord;
  readonly version: number;
  /** Until then an effect of the holder before may still be under way, by our monotonic clock. */
  readonly quietMs: number;
}

/** What the leases of one host have in common. */
export interface LeaseHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly timing: LeaseTiming;
  readonly renewals: Renewals;
}

export class HeldLease implements Lease {
  readonly key: string;
  readonly fence: Fence;
  readonly grantedMs: number;
  quietMs: number;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #timing: LeaseTiming;
  readonly #renewals: Renewals;
  readonly #lost = new AbortController();
  #record: LeaseRecord;
  #version: number;
  /** From before the last renewal was sent: what the store may have counted from is later, never earlier. */
  #renewedMs: number;
  #cancelTimer: (() => void) | undefined;
  #renewing: Promise<Result<void, StoreError | BugError>> | undefined;
  #isReleased = false;
  readonly #onReleased: () => void;

  constructor(host: LeaseHost, grant: Grant, sentMs: number, onReleased: () => void) {
    const { store, clock, timing, renewals } = host;
    this.#onReleased = onReleased;
    this.#store = store;
    this.#clock = clock;
    this.#timing = timing;
    this.#renewals = renewals;
    this.key = grant.record.id;
    this.fence = { lease: grant.record.id, token: grant.record.token };
    this.#record = grant.record;
    this.#version = grant.version;
    this.#renewedMs = sentMs;
    this.grantedMs = sentMs;
    this.quietMs = Math.max(sentMs, grant.quietMs);
    this.#schedule(this.#timing.renewMs);
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
        const renewed = await self.#renew((renewal) => self.#renewals.now(renewal));
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
    this.#cancelTimer = this.#renewals.after(afterMs, (renew) => {
      void this.#renew(renew);
    });
  }

  /** One renewal at a time: two would take each other's version for somebody else's. */
  #renew(renew: Renew): Promise<Result<void, StoreError | BugError>> {
    if (this.#isReleased) return Promise.resolve(ok(undefined));
    if (this.#lost.signal.aborted) return Promise.resolve(err(leaseLost(this.key)));
    this.#renewing ??= this.#renewOnce(renew).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewOnce(renew: Renew): Promise<Result<void, StoreError | BugError>> {
    this.#cancelTimer?.();
    const sentMs = this.#clock.monotonicMs();
    const record = { ...this.#record, beat: this.#record.beat + 1 };
    const answer = await renew({
      change: { op: 'put', collection: 'leases', record, version: this.#version },
      fence: this.fence,
      untilMs: this.#renewedMs + this.#timing.ttlMs,
    });
    const committed = answer.isOk() ? answer : await this.#arrived(record, answer.error);
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
  async #arrived(record: LeaseRecord, error: StoreError | BugError): Promise<Result<unknown, StoreError | BugError>> {
    const limit = scope(this.#clock, [], Math.max(1, this.#remainingMs()));
    const stored = await this.#store.get('leases', this.key, { signal: limit.signal });
    limit.end();
    return stored.andThen((row) => {
      const isOurs =
        row?.version === this.#version + 1 && row.value.token === record.token && row.value.beat === record.beat;
      return isOurs ? ok(undefined) : err(error);
    });
  }
}
