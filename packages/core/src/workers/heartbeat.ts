/**
 * The heartbeat of a deployer: one beat for everything that it does now and then. Others watch its row's beat stand still, and take
 * over what it has left; what it takes over itself, and whatever else is swept, hangs on the same beat.
 *
 *   unknown ──first submission, or a worker's start──▶ beating ──close()──▶ gone
 *                                                        └──killed──▶ still for its ttl: gone for whoever has watched it
 */
import { okAsync, type ResultAsync } from 'neverthrow';
import type { HostRecord } from '../domain/records.js';
import type { Host } from '../flow/host.js';
import { guard } from '../kernel/routine.js';
import { bounded, PATIENCE_WITH_WORK_MS } from '../kernel/scope.js';
import type { Change, CommitReceipt, StoreError } from '../ports/store.js';

/** What is done at a beat. What it answers is its own matter: it tells of its failures itself. */
export type Sweep = (signal: AbortSignal) => PromiseLike<unknown>;

/** A sweep that takes longer is broken off, and begins anew at a later beat. */
const SWEEP_MS = 600_000;

export class Heartbeat {
  readonly #host: Host;
  readonly #closing = new AbortController();
  readonly #sweeps: Sweep[] = [];
  readonly #sweeping = new Map<Sweep, PromiseLike<unknown>>();
  readonly #since: number;
  #beat = 0;
  /** Whether the store knows of this host, or may. */
  #isKnown = false;
  /** Whether it does for sure: until then every submission brings the row along. */
  #isIntroduced = false;
  #beating: Promise<void> = Promise.resolve();
  #cancelTimer: (() => void) | undefined;

  constructor(host: Host) {
    this.#host = host;
    this.#since = host.clock.now();
  }

  /** Called at every beat; not again while it is still at it. Its signal is aborted when the deployer closes. The answer takes it off. */
  onBeat(sweep: Sweep): () => void {
    this.#sweeps.push(sweep);
    return () => {
      const index = this.#sweeps.indexOf(sweep);
      if (index >= 0) this.#sweeps.splice(index, 1);
    };
  }

  /** A worker's first beat is at once: it is known from then on, and looks at what others have left. */
  start(): void {
    this.#isKnown = this.#host.group !== null;
    this.#schedule(this.#isKnown ? 0 : this.#host.settings.renewMs);
  }

  /** What makes this host known, for the commit of what it submits: nothing, where it is. */
  introduction(): readonly Change[] {
    // Whether that commit arrives or not, from now on it beats.
    this.#isKnown = true;
    return this.#isIntroduced ? [] : [this.#row()];
  }

  /** A commit with the introduction was made. */
  introduced(): void {
    this.#isIntroduced = true;
  }

  /** No sweep runs any more, and the row is gone: what is queued here is for those who may take it over. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the deployer is closing'));
    this.#cancelTimer?.();
    await this.#beating;
    await Promise.all(this.#sweeping.values());
    const { id, store } = this.#host;
    // Unanswered, others see it stand still.
    if (this.#isKnown) await store.commit([{ op: 'remove', collection: 'hosts', id }], options());
  }

  #schedule(afterMs: number): void {
    if (this.#closing.signal.aborted) return;
    this.#cancelTimer = this.#host.clock.after(afterMs, () => {
      this.#beating = this.#beatOnce();
    });
  }

  async #beatOnce(): Promise<void> {
    const { renewMs } = this.#host.settings;
    const beaten = await this.#write();
    if (beaten.isOk() && beaten.value) this.introduced();
    this.#schedule(beaten.isOk() ? renewMs : Math.max(50, renewMs / 10));
    if (beaten.isErr() || this.#closing.signal.aborted) return;
    for (const sweep of this.#sweeps) this.#run(sweep);
  }

  /** Nobody else writes this row, and who has removed it was mistaken: it is written over whatever is there. */
  #write(): ResultAsync<CommitReceipt | null, StoreError> {
    if (!this.#isKnown) return okAsync(null);
    this.#beat += 1;
    return this.#host.store.commit([this.#row()], options());
  }

  #row(): Change {
    const { group, id, settings } = this.#host;
    const record: HostRecord = {
      id,
      group,
      isWorker: group !== null,
      beat: this.#beat,
      ttlMs: settings.ttlMs,
      since: this.#since,
    };
    return { op: 'put', collection: 'hosts', record };
  }

  #run(sweep: Sweep): void {
    if (this.#sweeping.has(sweep)) return;
    const limit = { what: 'A sweep', ms: SWEEP_MS, patienceMs: PATIENCE_WITH_WORK_MS };
    const running = bounded(this.#host.clock, [this.#closing.signal], limit, ({ signal }) =>
      guard(async () => {
        await sweep(signal);
        return okAsync(undefined);
      }),
    ).then(() => this.#sweeping.delete(sweep));
    this.#sweeping.set(sweep, running);
  }
}

const options = () => ({ signal: new AbortController().signal });
