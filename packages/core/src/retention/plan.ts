/**
 * What goes and what stays: decided here from records alone, and acted on elsewhere. Ages are the wall clock's; what a roll back needs, what
 * runs, and what is not settled yet stays whatever its age.
 */
import { type DeploymentRecord, type InstanceRecord, isTerminal, type StageRecord } from '../domain/records.js';
import type { Keep, KeepBound } from '../domain/spec.js';

const DAY_MS = 86_400_000;
/** An idempotency key stands for its deployment so long. */
export const KEY_MS = DAY_MS;
/** The history of a stage on which nothing is deployed any more goes so long after the last of it, or after its `history.age`. */
export const FORGOTTEN_AFTER_MS = 30 * DAY_MS;

/** What of a stage says that deployments are needed. */
export interface StageNeeds {
  readonly stage: Pick<StageRecord, 'current' | 'currentDeployment' | 'previous'> | undefined;
  /** All that the stage has, whatever their state. */
  readonly instances: readonly Pick<InstanceRecord, 'id'>[];
  /** Deployments that an open journal or a task is about. */
  readonly unsettled: Iterable<string>;
  /** Whether the stage has a route of its own, in whatever state. */
  readonly hasRoutes: boolean;
}

export type HistoryVerdict = 'stays' | 'log-goes' | 'goes';

export interface HistoryJudge {
  /** Deployments are to be shown to it one by one, the newest first: how many came before counts, and one that stays keeps what its instance is from. */
  judge(deployment: DeploymentRecord): HistoryVerdict;
  /** Wall clock: until then the verdicts stay as they are, as long as nothing is submitted; null: until something is settled. */
  readonly until: number | null;
}

export function historyJudge(needs: StageNeeds, keep: Pick<Keep, 'history' | 'logs'>, now: number): HistoryJudge {
  const serving = new Set(
    [needs.stage?.current, needs.stage?.currentDeployment, needs.stage?.previous].flatMap((id) => id ?? []),
  );
  for (const { id } of needs.instances) serving.add(id);
  const unsettled = new Set(needs.unsettled);
  const meant = new Set<string>();
  const isDeployed = needs.instances.length > 0 || needs.hasRoutes || (needs.stage?.current ?? null) !== null;
  let ended = 0;
  let isForgotten: boolean | undefined;
  let isSettled = true;
  let until = Number.POSITIVE_INFINITY;
  /** Whether something is not as old as that yet, by the wall clock. */
  const isYounger = (endedAt: number | null, ageMs: number | null): boolean => {
    const at = ageMs === null ? Number.POSITIVE_INFINITY : (endedAt ?? now) + ageMs;
    if (at >= now) until = Math.min(until, at);
    return at >= now;
  };
  const judge = (deployment: DeploymentRecord): HistoryVerdict => {
    const { id, cleanup, endedAt, instance, request, status } = deployment;
    if (!isTerminal(status)) {
      if (request.rollBackTo !== undefined) meant.add(request.rollBackTo);
      isForgotten = false;
      isSettled = false;
      return 'stays';
    }
    const place = ended++;
    const isWithin = (bound: KeepBound) => place < bound.count && isYounger(endedAt, bound.ageMs);
    isForgotten ??= !isDeployed && !isYounger(endedAt, Math.max(FORGOTTEN_AFTER_MS, keep.history.ageMs ?? 0));
    const isOpen = cleanup === 'pending' || unsettled.has(id);
    if (isOpen) isSettled = false;
    const isAsked = request.idempotencyKey !== undefined && isYounger(deployment.queuedAt, KEY_MS);
    const isNeeded = isOpen || isAsked || serving.has(id) || meant.has(id);
    if (!isNeeded && (isForgotten || !isWithin(keep.history))) return 'goes';
    if (instance !== null) meant.add(instance);
    const keepsLog = isOpen || serving.has(id) || isWithin(keep.logs) || deployment.logPrunedAt !== undefined;
    return keepsLog ? 'stays' : 'log-goes';
  };
  return {
    judge,
    get until() {
      return isSettled ? until : null;
    },
  };
}

/**
 * Judges a stage's succeeded deployments, which are to be shown to it one by one, the newest first: whether their image stays. None behind the
 * first that does not has one that does.
 */
export function imageJudge(bound: KeepBound, now: number): (deployment: Pick<DeploymentRecord, 'endedAt'>) => boolean {
  let place = 0;
  return ({ endedAt }) => place++ < bound.count && (bound.ageMs === null || now - (endedAt ?? now) <= bound.ageMs);
}

/**
 * What of a stage has come to the end of its time to live. Of a stage with a name of its own never the current one; one that a pattern made goes
 * as a whole with its current one, unless something of it is pinned.
 */
export function planExpiry<Instance extends Pick<InstanceRecord, 'id' | 'state' | 'expiresAt'>>(input: {
  readonly instances: readonly Instance[];
  readonly current: string | null;
  readonly pinned: ReadonlySet<string>;
  readonly isPreview: boolean;
  /** Whether it was made through this host's engine and proxy. */
  readonly isHere: (instance: Instance) => boolean;
  /** Wall clock. */
  readonly now: number;
}): { readonly going: readonly Instance[]; readonly isWhole: boolean } {
  const { current, isHere, isPreview, now, pinned } = input;
  const running = input.instances.filter(({ state }) => state === 'running');
  const mayGo = (instance: Instance) => isHere(instance) && !pinned.has(instance.id);
  const expired = running.filter((each) => each.expiresAt !== null && each.expiresAt <= now && mayGo(each));
  const isWhole = isPreview && expired.some(({ id }) => id === current) && running.every(mayGo);
  return { isWhole, going: isWhole ? running : expired.filter(({ id }) => id !== current) };
}
