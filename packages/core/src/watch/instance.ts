/** One look at one instance: what is wrong with it is marked, what can be mended is. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { InstanceRecord } from '../domain/records.js';
import type { Spec } from '../domain/spec.js';
import { stageLease } from '../flow/deploy.js';
import { instanceRef } from '../flow/flow.js';
import type { Host } from '../flow/host.js';
import { hasBegun } from '../flow/journals.js';
import { routine } from '../kernel/routine.js';
import { effectUnder, releaseAll } from '../kernel/under-leases.js';
import { mark } from './conditions.js';
import { type HealOptions, heal } from './heal.js';
import { countRestarts, isLooping, judge, type Restarts, restartsByItself } from './judge.js';

/** When it is looked at again by itself: what another host or the engine is at now; what has ended, which the engine may start again. */
const BUSY_MS = 2_000;
const SETTLE_MS = 2_000;
/** Between looks at one that restarts again and again: each of them may have to heal its routes. */
const LOOP_LOOK_MS = 30_000;
/** Before one that has ended is started again: at once, then after these. */
const START_PAUSES_MS = [0, 60_000, 300_000, 900_000];

/** What is remembered of an instance between two looks. */
export interface Memory {
  readonly restarts?: Restarts;
  /** Since when it has been seen ended. */
  readonly endedMs?: number;
  /** How often it was started again here, and when last. */
  readonly starts?: { readonly count: number; readonly atMs: number };
}

export interface Looked {
  readonly memory: Memory;
  /** Look again after so long; null: when something happens. */
  readonly againMs: number | null;
}

export function lookAt(
  host: Host,
  id: string,
  known: Memory,
  options: HealOptions,
  signal: AbortSignal,
): ResultAsync<Looked, AnyError> {
  const { clock, runtime, store } = host;
  return routine(async function* () {
    const instance = (yield* store.get('instances', id, { signal }))?.value;
    const spec = (yield* store.get('specs', id, { signal }))?.value.spec;
    const { identities } = yield* host.surroundings({ signal });
    // Not in my engine is never gone.
    if (instance?.state !== 'running' || !spec || instance.identities.runtime !== identities.runtime)
      return ok<Looked, AnyError>({ memory: {}, againMs: null });
    const container = yield* host.call(`Inspecting ${instance.container}`, signal, (o) =>
      runtime.inspect(instance.container, { ...o, port: null }),
    );
    const nowMs = clock.monotonicMs();
    const restarts = countRestarts(known.restarts, container?.restarts ?? 0, nowMs);
    const state = judge(container, id, spec, restarts, nowMs);
    if (state === undefined) return ok<Looked, AnyError>({ memory: { ...known, restarts }, againMs: SETTLE_MS });
    if (state === 'down') {
      // The engine may be about to start it again, and a deployment may have stopped it to make room.
      const endedMs = known.endedMs ?? nowMs;
      if (nowMs - endedMs < SETTLE_MS)
        return ok<Looked, AnyError>({ memory: { ...known, restarts, endedMs }, againMs: SETTLE_MS });
      const makesRoom = yield* isMakingRoom(host, instance, signal);
      const started = makesRoom ? ('busy' as const) : yield* startAgain(host, instance, spec, known, signal);
      if (started !== 'not') {
        const starts = started === 'started' ? { count: (known.starts?.count ?? 0) + 1, atMs: nowMs } : known.starts;
        const memory = { restarts, ...(starts ? { starts } : {}) };
        return ok<Looked, AnyError>({ memory, againMs: BUSY_MS });
      }
      yield* mark(host, instance, state, container, signal);
      const pauseMs = startPauseMs(known, nowMs);
      return ok<Looked, AnyError>({
        memory: { ...known, restarts, endedMs },
        againMs: pauseMs === null ? null : Math.max(1_000, pauseMs),
      });
    }
    yield* mark(host, instance, state, container, signal);
    const isHere = identities.proxy === instance.identities.proxy;
    const healed = isHere ? yield* healRoutes(host, instance, spec, options, signal) : 'done';
    const memory: Memory = { restarts, ...(known.starts ? { starts: known.starts } : {}) };
    if (isLooping(restarts, nowMs)) return ok<Looked, AnyError>({ memory, againMs: LOOP_LOOK_MS });
    return ok<Looked, AnyError>({ memory, againMs: healed === 'busy' ? BUSY_MS : null });
  });
}

function healRoutes(
  host: Host,
  instance: InstanceRecord,
  spec: Spec,
  options: HealOptions,
  signal: AbortSignal,
): ResultAsync<'busy' | 'done', AnyError> {
  return routine(async function* () {
    const routes = yield* host.store.list('routes', { where: { instance: instance.id } }, { signal });
    let isBusy = false;
    for (const { value } of routes) {
      if (value.state !== 'live') continue;
      isBusy = (yield* heal(host, instance, spec, value.id, options, signal)) === 'busy' || isBusy;
    }
    return ok<'busy' | 'done', AnyError>(isBusy ? 'busy' : 'done');
  });
}

/** Whether a deployment of a `stop-first` stage has stopped it, which starts it again if it fails. */
const isMakingRoom = (
  { store }: Host,
  { id, stageKey }: InstanceRecord,
  signal: AbortSignal,
): ResultAsync<boolean, AnyError> =>
  hasBegun(
    store,
    stageKey,
    ({ step, intent }) =>
      step === 'stop-previous' && (intent as { readonly instance?: string } | null)?.instance === id,
    signal,
  );

/** Until it may be started again; null where it was never started here, and may be at once. */
function startPauseMs({ starts }: Memory, nowMs: number): number | null {
  if (!starts) return null;
  const pauseMs = START_PAUSES_MS[Math.min(starts.count, START_PAUSES_MS.length - 1)] ?? 0;
  return starts.atMs + pauseMs - nowMs;
}

/**
 * Starts what the engine would have kept running by itself and does not: an engine that was killed takes every container for one that a
 * person has stopped. Under the stage's lease, since a deployment may have stopped it to make room; never one that goes.
 */
function startAgain(
  host: Host,
  { id, container, stageKey }: InstanceRecord,
  spec: Spec,
  known: Memory,
  signal: AbortSignal,
): ResultAsync<'started' | 'busy' | 'not', AnyError> {
  const { clock, runtime, settings, store } = host;
  type Answer = 'started' | 'busy' | 'not';
  return routine(async function* () {
    if (!restartsByItself(spec)) return ok<Answer, AnyError>('not');
    if ((startPauseMs(known, clock.monotonicMs()) ?? 0) > 0) return ok<Answer, AnyError>('not');
    const taken = await host.leases.take([stageLease(stageKey)], { signal, deployment: null, once: true });
    if (taken.isErr()) return ok<Answer, AnyError>('busy');
    const { leases } = taken.value;
    try {
      // What a dead host has stopped to make room is its journal's to start again, or to leave.
      const journals = yield* store.list('journals', { where: { stageKey } }, { signal });
      const instance = yield* store.get('instances', id, { signal });
      if (journals.length > 0 || instance?.value.state !== 'running') return ok<Answer, AnyError>('busy');
      const ref = instanceRef(host, { id, container });
      const started = await effectUnder(leases, settings.effectTimeoutMs, { signal }, () =>
        host.call(`Starting ${container} again`, signal, (o) => runtime.start(ref, o)),
      );
      return ok<Answer, AnyError>(started.isOk() ? 'started' : 'not');
    } finally {
      await releaseAll(leases);
    }
  });
}
