/** Times to live: what has come to the end of its own goes, under its stage's lease, by the same tasks as everything that goes. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { Identities, InstanceRecord } from '../domain/records.js';
import type { Host } from '../flow/host.js';
import { pinnedOf } from '../flow/pins.js';
import { readStage, type StageState } from '../flow/stage-state.js';
import { type OnTasks, type TakeDown, takeDown } from '../flow/take-down.js';
import { pages } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import { isPreview, type StageName } from './keep.js';
import { planExpiry } from './plan.js';

/** Looks through what runs. A stage that is busy, or whose configuration cannot be read now, comes with the next look. */
export function expire(host: Host, onTasks: OnTasks, signal: AbortSignal): ResultAsync<void, AnyError> {
  return routine(async function* () {
    const now = host.clock.now();
    const { identities } = yield* host.surroundings({ signal });
    const due = new Map<string, StageName>();
    const running = { where: { state: 'running' as const } };
    for await (const page of pages(host.store, 'instances', running, { signal }))
      for (const { value } of yield* page)
        if (value.expiresAt !== null && value.expiresAt <= now && isMadeBy(value, identities))
          due.set(value.stageKey, value);
    for (const [key, stage] of due) {
      const choose = (state: StageState) => choice(host, stage, state, identities, signal);
      const would = await readStage(host, key, signal).andThen(choose);
      // The lease is taken only where something will go: the current one of a stage with a name stays expired for good.
      if (would.isErr() || !isAnything(would.value)) continue;
      await takeDown(host, key, { onTasks, signal, once: true }, choose);
      if (signal.aborted) break;
    }
    return ok<void, AnyError>(undefined);
  });
}

const isAnything = ({ going, isWhole }: TakeDown): boolean => isWhole || going.length > 0;

const isMadeBy = ({ identities: made }: InstanceRecord, { runtime, proxy }: Identities): boolean =>
  made.runtime === runtime && (made.proxy === null || made.proxy === proxy);

function choice(
  host: Host,
  stage: StageName,
  state: StageState,
  identities: Identities,
  signal: AbortSignal,
): ResultAsync<TakeDown, AnyError> {
  const { project, stage: name } = stage;
  return routine(async function* () {
    const instances = state.instances.map(({ value }) => value);
    const where = { stageKey: state.stage?.value.id ?? '', status: 'queued' as const };
    const waiting = yield* host.store.list('deployments', { where, limit: 1 }, { signal });
    const { going, isWhole } = planExpiry({
      instances,
      current: state.stage?.value.current ?? null,
      pinned: yield* pinnedOf(host.store, instances, signal),
      // What waits in line is about to begin its time anew.
      isPreview: waiting.length === 0 && ((yield* isPreview(host, stage, signal)) ?? false),
      isHere: (instance) => isMadeBy(instance, identities),
      now: host.clock.now(),
    });
    return ok<TakeDown, AnyError>({
      going,
      isWhole,
      reason: 'expired',
      events: isWhole ? [{ type: 'stage.expired', payload: { project, stage: name } }] : [],
    });
  });
}
