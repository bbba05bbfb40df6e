/**
 * When what is kept long enough goes: a while after a deployment of its stage, and, in hosts that work or watch, at their beats. All of it in the
 * background: nothing waits for it, and closing only for a moment.
 */
import { ok, type Result, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { stageKey } from '../domain/records.js';
import type { PruneReport } from '../domain/reports.js';
import type { Host } from '../flow/host.js';
import type { OnTasks } from '../flow/take-down.js';
import { BeatWatch } from '../kernel/beat-watch.js';
import { guard } from '../kernel/routine.js';
import { endedWithin, scope } from '../kernel/scope.js';
import { storedError } from '../kernel/stored-error.js';
import { late } from './late.js';

/** After a deployment: one that follows soon is pruned for together with it. */
const AFTER_MS = 5_000;
/** How often times to live are looked at. */
const EXPIRE_EVERY_MS = 60_000;
/** How often all that an engine's hosts have is pruned, by whichever of them comes first; and not at once after a start. */
const PRUNE_EVERY_MS = 3_600_000;
const FIRST_PRUNE_MS = 60_000;
/** What closing gives to the pruning that a deployment has called for. */
const CLOSE_MS = 2_000;

export class Keeper {
  readonly #host: Host;
  readonly #onTasks: OnTasks;
  readonly #closing = new AbortController();
  readonly #beats: BeatWatch;
  readonly #quiet = new Map<string, { version: number; until: number }>();
  readonly #due = new Set<string>();
  #pruning: Promise<void> | undefined;
  /** What closing waits for: the store is not to be closed under it. */
  #working: PromiseLike<void> | undefined;
  readonly #asked = new Set<PromiseLike<void>>();
  #cancelTimer: (() => void) | undefined;
  #off = () => {};
  #nextExpiryMs = 0;
  readonly #startMs: number;
  #nextPruneMs = 0;

  constructor(host: Host, onTasks: OnTasks) {
    this.#host = host;
    this.#onTasks = onTasks;
    this.#beats = new BeatWatch(host.clock);
    this.#startMs = host.clock.monotonicMs();
  }

  /** From now on deployments that succeed here are followed by pruning. */
  start(): void {
    this.#off = this.#host.hub.on('deployment.succeeded', ({ deployment: { project, stage } }) => {
      this.#due.add(stageKey(project, stage));
      this.#cancelTimer ??= this.#host.clock.after(AFTER_MS, () => this.#pruneDue());
    });
  }

  /** At a beat of a host that works or watches: mostly there is nothing to do yet. */
  async sweep(signal: AbortSignal): Promise<void> {
    const nowMs = this.#host.clock.monotonicMs();
    if (nowMs >= this.#nextExpiryMs) {
      this.#nextExpiryMs = nowMs + EXPIRE_EVERY_MS;
      const { expire } = await late.expiry();
      this.#tell('expire', await guard(() => expire(this.#host, this.#onTasks, signal)));
    }
    if (nowMs >= this.#startMs + FIRST_PRUNE_MS) await this.#pruneInTurn(signal);
  }

  /** Everything, once in a while. */
  async #pruneInTurn(signal: AbortSignal): Promise<void> {
    const nowMs = this.#host.clock.monotonicMs();
    if (nowMs < this.#nextPruneMs || signal.aborted) return;
    this.#nextPruneMs = nowMs + PRUNE_EVERY_MS;
    const { pruneInTurn } = await late.pruning();
    const terms = { signal, beats: this.#beats, quiet: this.#quiet, everyMs: PRUNE_EVERY_MS };
    this.#tell('prune', await guard(() => pruneInTurn(this.#host, terms)));
  }

  /** All of it, because somebody asks. A close breaks it off. */
  prune(
    terms: { readonly unowned?: boolean; readonly dryRun?: boolean },
    signal: AbortSignal,
  ): ResultAsync<PruneReport, AnyError> {
    const bound = scope(this.#host.clock, [signal, this.#closing.signal]);
    const asked = guard<PruneReport, AnyError>(async () => {
      const { prune } = await late.pruning();
      return prune(this.#host, { ...terms, signal: bound.signal, beats: this.#beats });
    });
    const ended: PromiseLike<void> = asked.then(() => {
      bound.end();
      this.#asked.delete(ended);
    });
    this.#asked.add(ended);
    return asked;
  }

  /** What a deployment has called for is done now, as far as that takes no time. */
  async close(hurry: AbortSignal): Promise<void> {
    this.#off();
    const { clock } = this.#host;
    if (this.#due.size > 0 && !hurry.aborted) this.#pruneDue();
    if (this.#pruning) await endedWithin(clock, this.#pruning, CLOSE_MS, hurry);
    this.#cancelTimer?.();
    this.#closing.abort(new Error('the deployer is closing'));
    await Promise.all([this.#working, ...this.#asked]);
  }

  #pruneDue(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    // What is under way takes what has come meanwhile along.
    this.#pruning ??= this.#prune().finally(() => {
      this.#pruning = undefined;
    });
  }

  async #prune(): Promise<void> {
    const loaded = await guard(async () => ok(await late.pruning()));
    const { signal } = this.#closing;
    this.#tell('prune', loaded);
    if (loaded.isErr() || signal.aborted) return;
    const { pruneStage } = loaded.value;
    const work = async (): Promise<void> => {
      for (const key of this.#due) {
        if (signal.aborted) return;
        this.#due.delete(key);
        this.#tell(key, await guard(() => pruneStage(this.#host, key, signal)));
      }
      // Where nobody works or watches, who deploys sees to the rest as well.
      await this.#pruneInTurn(signal);
    };
    this.#working = work();
    await this.#working;
  }

  /** It is tried again by itself; that it failed is told like the failure of any task. */
  #tell(subject: string, ended: Result<unknown, AnyError>): void {
    if (ended.isOk() || ended.error.kind === 'aborted') return;
    const error = storedError(ended.error, this.#host.secrets.wideRedactor());
    this.#host.hub.emit('task.failed', { kind: 'prune', subject, error, attempts: 1 });
  }
}
