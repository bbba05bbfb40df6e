/**
 * Looks at registries again and again, so that a push whose webhook was lost is found. Each registry has a timer of its own: one that does not
 * answer, or asks to be left alone (429), delays no other, and is asked less and less often, to once an hour.
 *
 * Of a repository one list of tags serves all of its stages, and none is asked for where every stage names its tag. Only of a tag that a stage
 * should have it is asked what it points to now: a HEAD, which registries do not count as a pull, and a conditional one from the second on.
 */
import { type AnyError, type Clock, type Registry, within } from '@quayside/core/ports';
import type { Decisions } from './decisions.js';
import { tellOutcomes, wishedMs } from './desk.js';
import { type Look, lookAtAll, lookOf } from './look.js';
import type { Watch } from './options.js';
import type { TriggerReport } from './types.js';

export interface PollerOptions {
  readonly watches: readonly Watch[];
  readonly everyMs: number;
  readonly registry: Registry;
  readonly decisions: Decisions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly report: (report: TriggerReport) => void;
  readonly signal: AbortSignal;
}

export interface Poller {
  start(): void;
  /** One round over every registry, now. */
  poll(signal: AbortSignal): Promise<void>;
  idle(): Promise<void>;
}

const LOOK_MS = 120_000;
const BACK_OFF_MAX_MS = 3_600_000;
const START_MAX_MS = 5_000;

export function pollerOf(options: PollerOptions): Poller {
  const { clock, random, report } = options;
  const registries = new Map<string, Watch[]>();
  for (const watch of options.watches) {
    registries.set(watch.image.registry, [...(registries.get(watch.image.registry) ?? []), watch]);
  }
  const running = new Set<Promise<void>>();
  const failures = new Map<string, number>();
  let isStarted = false;

  /** Every stage of a registry, one after the other. @returns the error that keeps it from being asked any more now */
  const round = async (watches: readonly Watch[], signal: AbortSignal): Promise<AnyError | undefined> => {
    const look = lookOf(options.registry);
    for (const watch of watches) {
      if (signal.aborted) return undefined;
      const error = await within(signal, LOOK_MS, (limit) => lookAt(look, watch, limit.signal)).catch(thrown);
      if (signal.aborted || !error) continue;
      if (isOfRegistry(error)) return error;
      report({ type: 'failed', project: watch.project, stage: watch.stage, error, retryInMs: null, by: 'poll' });
    }
    return undefined;
  };

  const lookAt = async (look: Look, watch: Watch, signal: AbortSignal): Promise<AnyError | undefined> => {
    const found = await lookAtAll(look, watch, signal);
    if (found.isErr()) return found.error;
    const { project, stage, policy } = watch;
    if (!found.value) {
      report({ type: 'no-tag', project, stage, policy: policy.words, by: 'poll' });
      return undefined;
    }
    const settled = await options.decisions.settle(watch, found.value, { by: 'poll', again: true, signal });
    if (settled.isErr()) return settled.error;
    tellOutcomes(report, watch, found.value, 'poll', settled.value);
    return undefined;
  };

  /** @returns when to come back */
  const visit = async (registry: string, watches: readonly Watch[], signal: AbortSignal): Promise<number> => {
    const error = await round(watches, signal);
    const count = error ? (failures.get(registry) ?? 0) + 1 : 0;
    failures.set(registry, count);
    const backedOff = Math.min(Math.max(BACK_OFF_MAX_MS, options.everyMs), options.everyMs * 2 ** Math.min(count, 12));
    const retryInMs = Math.round(Math.max(backedOff, error ? wishedMs(error) : 0) * (1 + random() / 10));
    if (error && !signal.aborted) report({ type: 'backed-off', registry, error, retryInMs });
    return retryInMs;
  };

  const track = <T>(work: Promise<T>): Promise<T> => {
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    running.add(settled);
    void settled.then(() => running.delete(settled));
    return work;
  };

  const again = (registry: string, watches: readonly Watch[], ms: number) => {
    if (options.signal.aborted) return;
    const cancel = clock.after(ms, () => {
      options.signal.removeEventListener('abort', cancel);
      void track(visit(registry, watches, options.signal)).then((retryInMs) => again(registry, watches, retryInMs));
    });
    options.signal.addEventListener('abort', cancel, { once: true });
  };

  return {
    start() {
      if (isStarted) return;
      isStarted = true;
      // Not all at once, and not everybody who was started at the same time.
      for (const [registry, watches] of registries) {
        again(registry, watches, Math.round(random() * Math.min(START_MAX_MS, options.everyMs / 10)));
      }
    },
    async poll(signal) {
      const both = AbortSignal.any([signal, options.signal]);
      await track(Promise.all([...registries].map(([registry, watches]) => visit(registry, watches, both))));
    },
    async idle() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

/** What would meet the next repository as well. */
const isOfRegistry = ({ kind, retryable }: AnyError): boolean => kind === 'registry-unreachable' && retryable;

const thrown = (cause: unknown): AnyError => ({
  kind: 'bug',
  message: `A look at a stage threw: ${String(cause)}`,
  hint: 'Report it with the stack of its cause.',
  retryable: false,
  cause,
});
