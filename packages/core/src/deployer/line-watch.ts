/**
 * What the store says of this host's deployments: whose turn it is where several hosts wait for a stage, what others have done with what waits
 * here, and which of what runs is to be cancelled.
 */
import { ok, type ResultAsync } from 'neverthrow';
import type { DeploymentRecord } from '../domain/records.js';
import { cancelled } from '../flow/cancel.js';
import { stageLease } from '../flow/deploy.js';
import type { Host } from '../flow/host.js';
import { guard } from '../kernel/routine.js';
import { sleep } from '../kernel/scope.js';
import type { Stored } from '../ports/store.js';
import type { Hosts } from '../workers/hosts.js';
import type { Job, WaitsFor } from './lines.js';
import { storeNews } from './wait.js';

/** What is news to one deployment is written by another one, and by itself: no more often than this is looked what it is. */
const PACE_MS = 150;
/** So often where the store tells of nothing. */
const BLIND_MS = 200;

export interface LineWatchParts {
  readonly host: Host;
  readonly hosts: Hosts;
  /** Ours, by id, until they have ended. */
  readonly jobs: ReadonlyMap<string, Job>;
  /** Ends what is looked at once. */
  readonly signal: AbortSignal;
  /** A job is in the store, and has not begun here. */
  readonly onSeen: (job: Job, stored: Stored<DeploymentRecord>) => void;
  readonly onWait: (job: Job, of: WaitsFor) => void;
}

export class LineWatch {
  readonly #parts: LineWatchParts;
  #looking: AbortController | undefined;
  #looked: ResultAsync<unknown, unknown> | undefined;

  constructor(parts: LineWatchParts) {
    this.#parts = parts;
  }

  /** Looks as long as there is something of ours. */
  start(): void {
    if (this.#looking) return;
    const looking = new AbortController();
    this.#looking = looking;
    this.#looked = guard(async () => {
      const news = storeNews(this.#parts.host, BLIND_MS);
      try {
        while (!looking.signal.aborted) {
          await this.#pause(news, looking.signal);
          if (!looking.signal.aborted) await this.#look(looking.signal);
        }
      } finally {
        news.end();
      }
      this.#looking = undefined;
      if (this.#parts.jobs.size > 0) this.start();
      return ok(undefined);
    });
  }

  /** One is over. */
  ended(): void {
    if (this.#parts.jobs.size === 0) this.#looking?.abort();
  }

  /** Resolves when it looks no more. */
  async idle(): Promise<void> {
    await this.#looked;
  }

  /** Waits until the first in the stage's line, of those that can be run at all, is one of ours. */
  async turn(job: Job): Promise<void> {
    const { host, hosts, onWait } = this.#parts;
    const { stageKey } = job.stored.value;
    const { signal } = job.waiting;
    let news: ReturnType<typeof storeNews> | undefined;
    try {
      while (!signal.aborted) {
        const queued = await this.#readLine(stageKey, signal);
        // The line is for fairness alone: where it cannot be read, the lease decides.
        if (queued.isErr() || queued.value[0]?.value.host === host.id) return;
        const seen = await hosts.look(signal);
        if (seen.isErr()) return;
        const first = queued.value.map(({ value }) => value).find(seen.value.canRun);
        if (!first || first.host === host.id || signal.aborted) return;
        onWait(job, { lease: stageLease(stageKey), holder: first.host, since: first.queuedAt, heldFor: first.id });
        news ??= storeNews(host, BLIND_MS);
        await this.#pause(news, signal);
      }
    } finally {
      news?.end();
    }
  }

  async lookAt(job: Job): Promise<void> {
    const { host, onSeen, signal } = this.#parts;
    const stored = await host.store.get('deployments', job.stored.value.id, { signal });
    if (stored.isOk() && stored.value && !job.isStarted && !job.isLeft) onSeen(job, stored.value);
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { host, jobs } = this.#parts;
    const all = [...jobs.values()];
    if (all.some(({ isStarted }) => isStarted)) {
      const cancels = await host.store.list('cancels', {}, { signal });
      for (const { value } of cancels.unwrapOr([]))
        jobs.get(value.id)?.cancel.abort(cancelled('before its commit', value));
    }
    const stages = new Set(all.flatMap(({ isStarted, stored }) => (isStarted ? [] : [stored.value.stageKey])));
    for (const stageKey of stages) await this.#readLine(stageKey, signal);
  }

  /** Who waits for a stage. What waits here, and is not there as it was, is looked at. */
  #readLine(stageKey: string, signal: AbortSignal) {
    const { host, jobs } = this.#parts;
    const waiting = [...jobs.values()].filter(
      ({ isLeft, isStarted, stored }) => !isLeft && !isStarted && stored.value.stageKey === stageKey,
    );
    return host.store.list('deployments', { where: { stageKey, status: 'queued' } }, { signal }).andTee((queued) => {
      for (const job of waiting) {
        const { value, version } = job.stored;
        const found = queued.find((each) => each.value.id === value.id);
        if (found?.version !== version) void this.lookAt(job);
      }
    });
  }

  async #pause(news: ReturnType<typeof storeNews>, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts.host;
    const startMs = clock.monotonicMs();
    await news.next(signal);
    const restMs = PACE_MS - (clock.monotonicMs() - startMs);
    if (restMs > 0) await sleep(clock, restMs, signal);
  }
}
