/**
 * Stages that a host has left in the midst of something: their leases are watched, and those whose holder is dead or gone are taken and
 * settled. What a live host is at is left alone.
 */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, aborted } from '../domain/errors.js';
import type { Identities } from '../domain/records.js';
import { stageLease } from '../flow/deploy.js';
import type { Host } from '../flow/host.js';
import { type Settlement, settleStage } from '../flow/settle.js';
import type { Lease } from '../kernel/held-lease.js';
import { allOf } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import { sleep } from '../kernel/scope.js';
import { releaseAll } from '../kernel/under-leases.js';
import { eachInTurn, forEachOf } from '../kernel/width.js';
import { stopMeanwhile } from './stop-meanwhile.js';

/** So many stages are settled at once: enough to keep an engine busy. */
const WIDTH = 16;
/** So many are taken at once, and what can be stopped of them is: more of it takes an engine no less time, and each a longer one. */
const TAKING_WIDTH = 8;
/** So many stages' leases are held at once, those that wait for their turn among them. */
const BATCH = 256;
/** Between two looks at leases that may be a dead host's. */
const LOOK_MS = 250;

export interface StageFindings extends Settlement {
  /** Left alone: a live host holds their stage. */
  readonly busy: string[];
  /** What could not be looked at, in words. */
  readonly blind: string[];
}

export interface SettleOptions {
  /** Wait until it is known of every holder whether it lives; else only what is known already counts. */
  readonly waits: boolean;
  /** Those too whose deployment has ended, whenever their undo is due. */
  readonly all: boolean;
}

/** A stage, and the deployments that make it worth a look. */
interface Stage {
  readonly key: string;
  readonly deployments: string[];
  /** One of them is called running; else there is only something left to undo. */
  isRunning: boolean;
}

export function settleStages(host: Host, options: SettleOptions, signal: AbortSignal) {
  const found: StageFindings = { settled: [], unfinished: [], needsHost: [], busy: [], blind: [] };
  return routine(async function* () {
    let waiting = yield* candidates(host, options.all, signal);
    while (waiting.length > 0) {
      const { ready, unknown } = yield* standings(host, waiting, found, signal);
      const identities = ready.length > 0 ? await identitiesOf(host, found.blind, signal) : null;
      for (let from = 0; from < ready.length; from += BATCH)
        yield* settleBatch(host, ready.slice(from, from + BATCH), identities, found, signal);
      if (!options.waits || unknown.length === 0) break;
      yield* sleep(host.clock, LOOK_MS, signal);
      waiting = unknown;
    }
    return ok<StageFindings, AnyError>(found);
  });
}

/** Of this host's ports; null: they could not be asked. */
export async function identitiesOf(host: Host, blind: string[], signal: AbortSignal): Promise<Identities | null> {
  const around = await host.surroundings({ signal });
  if (around.isErr()) tell(blind, around.error);
  return around.isOk() ? around.value.identities : null;
}

/** Once, however often it is met. */
function tell(blind: string[], { message }: { readonly message: string }): void {
  if (!blind.includes(message)) blind.push(message);
}

function candidates(host: Host, all: boolean, signal: AbortSignal): ResultAsync<readonly Stage[], AnyError> {
  return routine(async function* () {
    const stages = new Map<string, Stage>();
    const add = (key: string, id: string, isRunning: boolean) => {
      const stage = stages.get(key) ?? { key, deployments: [], isRunning };
      stages.set(key, stage);
      if (!stage.deployments.includes(id)) stage.deployments.push(id);
    };
    for (const status of ['running', 'rolling-back'] as const)
      for (const { value } of yield* allOf(host.store, 'deployments', { where: { status } }, { signal }))
        add(value.stageKey, value.id, true);
    if (all)
      for (const { value } of yield* allOf(host.store, 'journals', {}, { signal }))
        add(value.stageKey, value.id, false);
    return ok<readonly Stage[], AnyError>([...stages.values()]);
  });
}

/** Which of the stages can be taken, and of which nobody can tell yet. */
function standings(host: Host, stages: readonly Stage[], found: StageFindings, signal: AbortSignal) {
  return routine(async function* () {
    // All of them, the domains' and the proxy's too: their beats are then known to stand still from the same moment on.
    const rows = new Map(
      (yield* allOf(host.store, 'leases', {}, { signal })).map(({ value }) => [
        value.id,
        { standing: host.leases.standing(value), isOwn: value.holder === host.id },
      ]),
    );
    const ready: Stage[] = [];
    const unknown: Stage[] = [];
    for (const stage of stages) {
      const { standing, isOwn } = rows.get(stageLease(stage.key)) ?? { standing: 'free', isOwn: false };
      // Of this very process it is the undo's own task that is at it, and through in a moment.
      if (standing === 'unknown' || (standing === 'alive' && isOwn && !stage.isRunning)) unknown.push(stage);
      else if (standing === 'alive') found.busy.push(...stage.deployments);
      else ready.push(stage);
    }
    return ok<{ ready: Stage[]; unknown: Stage[] }, AnyError>({ ready, unknown });
  });
}

function settleBatch(
  host: Host,
  stages: readonly Stage[],
  identities: Identities | null,
  found: StageFindings,
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  return routine(async function* () {
    // What is taken is settled in the same order, so that what has to be waited for is waited for at once.
    const taken = eachInTurn(stages, TAKING_WIDTH, (stage) => takeStage(host, stage, identities, found, signal));
    await forEachOf([...stages.entries()], WIDTH, async ([index, { key, deployments }]) => {
      const lease = await taken[index];
      if (!lease) return;
      const settled = await settleStage(host, key, lease, identities, null, signal);
      await releaseAll([lease]);
      if (settled.isErr()) {
        found.unfinished.push(...deployments);
        tell(found.blind, settled.error);
        return;
      }
      found.settled.push(...settled.value.settled);
      found.unfinished.push(...settled.value.unfinished);
      found.needsHost.push(...settled.value.needsHost);
    });
    // What was broken off is no finding.
    return signal.aborted ? err(aborted('Settling what was left', signal.reason)) : ok(undefined);
  });
}

async function takeStage(
  host: Host,
  { key, deployments }: Stage,
  identities: Identities | null,
  found: StageFindings,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  const taken = await host.leases.take([stageLease(key)], { signal, deployment: null, once: true });
  const lease = taken.isOk() ? taken.value.leases[0] : undefined;
  // Somebody was quicker, or the store does not answer.
  const isBusy = taken.isOk() || taken.error.kind === 'stage-busy';
  if (!lease) (isBusy ? found.busy : found.unfinished).push(...deployments);
  if (!isBusy) tell(found.blind, taken.error);
  // Whatever becomes of it: the settling does the whole, and says what is in the way.
  if (lease && identities) await stopMeanwhile(host, key, lease, identities, signal);
  return lease;
}
