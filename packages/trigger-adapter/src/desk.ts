/**
 * What was accepted waits here to be looked into, per stage, while its delivery has been answered.
 *
 *   accepted ──gather──▶ looked into ──▶ done
 *                          │   ▲
 *                       failed─┘ after a pause that doubles
 *
 * Pushes of a stage that come while others wait are looked into together, so what is held is bounded by the stages and not by what comes. A
 * delivery is done once every stage that it concerns is through with it.
 */
import { type AnnouncedPush, type AnyError, type Clock, type Registry, within } from '@quayside/core/ports';
import type { Decisions, Outcome } from './decisions.js';
import type { Delivery, Inbox } from './inbox.js';
import { lookAtPushes, lookOf } from './look.js';
import type { Settings, Watch } from './options.js';
import type { TriggerReport } from './types.js';

export interface DeskOptions {
  readonly settings: Settings;
  readonly registry: Registry;
  readonly decisions: Decisions;
  readonly inbox: Inbox;
  readonly clock: Clock;
  readonly random: () => number;
  readonly report: (report: TriggerReport) => void;
  /** Aborted: nothing new begins, and what is under way ends. */
  readonly signal: AbortSignal;
}

export interface Desk {
  /** Deliveries that wait or are being looked into. */
  readonly size: number;
  holds(delivery: string): boolean;
  /** @returns whether any stage is concerned */
  take(delivery: Delivery): boolean;
  idle(): Promise<void>;
}

/** Stages that are looked at side by side: a registry is asked for each. */
const WIDTH = 4;
/** Of one look: the registry's answers, a commit and a submission. */
const LOOK_MS = 60_000;
const PAUSE_MIN_MS = 1_000;
const PAUSE_MAX_MS = 300_000;
/** What cannot be expected to pass is tried so often: a registry may tell of a push a moment before it has it. */
const TRIES_MAX = 3;
/** Pushes that are held for one stage; the oldest make room. */
const HELD_MAX = 500;

interface Held {
  readonly watch: Watch;
  pushes: AnnouncedPush[];
  deliveries: Set<Delivery>;
  failures: number;
  isBusy: boolean;
  cancel: (() => void) | undefined;
}

export const concerns = ({ image }: Watch, push: AnnouncedPush): boolean =>
  image.text === push.image || (push.below && image.text.startsWith(`${push.image}/`));

export function deskOf(options: DeskOptions): Desk {
  const { settings, clock, signal, report } = options;
  const stages = settings.watches.map(
    (watch): Held => ({
      watch,
      pushes: [],
      deliveries: new Set(),
      failures: 0,
      isBusy: false,
      cancel: undefined,
    }),
  );
  /** How many stages are not through with it. */
  const open = new Map<Delivery, number>();
  const waiting: Held[] = [];
  const idlers = new Set<() => void>();
  let busy = 0;

  const schedule = (stage: Held, ms: number) => {
    if (stage.isBusy || stage.cancel || stage.deliveries.size === 0 || signal.aborted) return;
    stage.cancel = clock.after(ms, () => {
      stage.cancel = undefined;
      waiting.push(stage);
      next();
    });
  };

  const next = () => {
    while (busy < WIDTH && !signal.aborted) {
      const stage = waiting.shift();
      if (!stage) return;
      busy += 1;
      stage.isBusy = true;
      void workOff(stage).finally(() => {
        busy -= 1;
        stage.isBusy = false;
        next();
        tellIdlers();
      });
    }
  };

  const workOff = async (stage: Held): Promise<void> => {
    const { pushes, deliveries } = stage;
    stage.pushes = [];
    stage.deliveries = new Set();
    const by = `webhook ${[...new Set([...deliveries].map(({ source }) => source))].join(', ')}`.slice(0, 200);
    const failed = await within(signal, LOOK_MS, (limit) => lookInto(stage.watch, pushes, by, limit.signal)).catch(
      (thrown: unknown): AnyError => ({
        kind: 'bug',
        message: `Looking at ${stage.watch.project}/${stage.watch.stage} threw: ${String(thrown)}`,
        hint: 'Report it with the stack of its cause.',
        retryable: false,
        cause: thrown,
      }),
    );
    // What is cut off by the end stays in the store, for whoever comes next.
    if (signal.aborted) return;
    stage.failures = failed ? stage.failures + 1 : 0;
    const { project, stage: name } = stage.watch;
    if (failed && (isPassing(failed) || stage.failures < TRIES_MAX)) {
      stage.pushes = [...pushes, ...stage.pushes].slice(-HELD_MAX);
      for (const delivery of deliveries) stage.deliveries.add(delivery);
      const retryInMs = pauseMs(stage.failures, failed, options.random());
      report({ type: 'failed', project, stage: name, error: failed, retryInMs, by });
      stage.isBusy = false;
      schedule(stage, retryInMs);
      return;
    }
    if (failed) {
      stage.failures = 0;
      report({ type: 'failed', project, stage: name, error: failed, retryInMs: null, by });
    }
    await release(deliveries);
    stage.isBusy = false;
    schedule(stage, settings.gather);
  };

  const lookInto = async (
    watch: Watch,
    pushes: readonly AnnouncedPush[],
    by: string,
    limit: AbortSignal,
  ): Promise<AnyError | undefined> => {
    const found = await lookAtPushes(lookOf(options.registry), watch, pushes, limit);
    if (found.isErr()) return found.error;
    if (!found.value) {
      report({ type: 'no-tag', project: watch.project, stage: watch.stage, policy: watch.policy.words, by });
      return undefined;
    }
    const settled = await options.decisions.settle(watch, found.value, { by, again: false, signal: limit });
    if (settled.isErr()) return settled.error;
    tellOutcomes(report, watch, found.value, by, settled.value);
    return undefined;
  };

  const release = async (deliveries: ReadonlySet<Delivery>): Promise<void> => {
    const done: Delivery[] = [];
    for (const delivery of deliveries) {
      const left = (open.get(delivery) ?? 1) - 1;
      if (left > 0) open.set(delivery, left);
      else {
        open.delete(delivery);
        done.push(delivery);
      }
    }
    // Not written down it is looked into again by the next start, which finds nothing left to do.
    await within(signal, 10_000, (limit) => options.inbox.done(done, limit.signal)).catch(() => undefined);
  };

  const tellIdlers = () => {
    if (busy === 0 && (open.size === 0 || signal.aborted)) for (const tell of [...idlers]) tell();
  };
  signal.addEventListener(
    'abort',
    () => {
      for (const stage of stages) stage.cancel?.();
      tellIdlers();
    },
    { once: true },
  );

  return {
    get size() {
      return open.size;
    },
    holds: (id) => [...open.keys()].some((delivery) => delivery.id === id),
    take(delivery) {
      const concerned = stages.filter(({ watch }) => delivery.pushes.some((push) => concerns(watch, push)));
      if (concerned.length === 0) return false;
      open.set(delivery, concerned.length);
      for (const stage of concerned) {
        const pushes = delivery.pushes.filter((push) => concerns(stage.watch, push));
        stage.pushes = [...stage.pushes, ...pushes].slice(-HELD_MAX);
        stage.deliveries.add(delivery);
        schedule(stage, settings.gather);
      }
      return true;
    },
    idle: () =>
      new Promise((resolve) => {
        const tell = () => {
          idlers.delete(tell);
          resolve();
        };
        idlers.add(tell);
        tellIdlers();
      }),
  };
}

/** A deployer that is closed is the host's, on its way out: the next start takes it up. */
const isPassing = ({ kind, retryable }: AnyError): boolean => retryable || kind === 'closed';

/** From a second on, twice as long each time, to five minutes; a registry's own wish is heeded; up to a tenth more, at random. */
function pauseMs(failures: number, error: AnyError, random: number): number {
  const own = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(failures - 1, 20));
  return Math.round(Math.max(own, wishedMs(error)) * (1 + random / 10));
}

/** How long a registry asks to be left alone, at most an hour; 0: it does not say. */
export function wishedMs({ details }: AnyError): number {
  const wish = (details as { readonly retryAfterMs?: unknown } | undefined)?.retryAfterMs;
  return typeof wish === 'number' && wish > 0 ? Math.min(wish, 3_600_000) : 0;
}

export function tellOutcomes(
  report: (report: TriggerReport) => void,
  { project, stage }: Watch,
  { tag, digest }: { readonly tag: string; readonly digest: string },
  by: string,
  outcomes: readonly Outcome[],
): void {
  for (const outcome of outcomes) {
    if (outcome.kind === 'skipped')
      report({ type: 'skipped', project, stage, tag, digest, reason: outcome.reason, by });
    else {
      const { deployment, tag: submitted, digest: of } = outcome;
      report({ type: 'submitted', project, stage, tag: submitted, digest: of, deployment, by });
    }
  }
}
