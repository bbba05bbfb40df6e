/** Maintenance: what a route has to tell visitors, by the record of its stage. Tagged routes tell nothing: who looks at one tag means that one. */
import type { ResultAsync } from 'neverthrow';
import type { DomainOwner } from '../domain/names.js';
import type { HoldTask, InstanceRecord, Maintenance, StageRecord } from '../domain/records.js';
import { retryAfterSeconds } from '../ports/holding.js';
import type { Holding, ProxyManager } from '../ports/proxy-manager.js';
import type { Store, Stored, StoreError } from '../ports/store.js';

/** Undefined where the proxy cannot hold, too: what it was given then would not be what it holds. */
export function holdingOf(
  proxy: Pick<ProxyManager, 'capabilities'> | null,
  stage: Stored<StageRecord> | undefined,
  owner: Pick<DomainOwner, 'kind'>,
): Holding | undefined {
  return maintenanceHolding(proxy, stage?.value.maintenance, owner);
}

export function maintenanceHolding(
  proxy: Pick<ProxyManager, 'capabilities'> | null,
  maintenance: Maintenance | null | undefined,
  { kind }: Pick<DomainOwner, 'kind'>,
): Holding | undefined {
  if (!maintenance || kind === 'tagged' || !proxy?.capabilities.holding) return undefined;
  const { message, retryAfterMs } = maintenance;
  return { message, retryAfterMs };
}

/** A proxy keeps what it tells, which is whole seconds. */
export const isSameHolding = (one: Holding | undefined, other: Holding | undefined): boolean =>
  one?.message === other?.message && (one && retryAfterSeconds(one)) === (other && retryAfterSeconds(other));

/** Whether visitors who come by the default route of this instance are told to come again. */
export const isHeldAt = (
  store: Pick<Store, 'get'>,
  { id, stageKey }: Pick<InstanceRecord, 'id' | 'stageKey'>,
  signal: AbortSignal,
): ResultAsync<boolean, StoreError> =>
  store
    .get('stages', stageKey, { signal })
    .map((stage) => stage?.value.current === id && stage.value.maintenance !== undefined);

/** Changes of a stage's maintenance that are under way, or were broken off: what its routes tell may be either. */
export const openHoldTasks = (
  store: Pick<Store, 'list'>,
  stageKey: string,
  signal: AbortSignal,
): ResultAsync<readonly HoldTask[], StoreError> =>
  store
    .list('tasks', { where: { subject: stageKey } }, { signal })
    .map((tasks) => tasks.map(({ value }) => value).filter((task): task is HoldTask => task.kind === 'hold'));
