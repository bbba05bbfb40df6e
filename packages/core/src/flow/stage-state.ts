import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { InstanceRecord, RouteRecord, StageRecord } from '../domain/records.js';
import { routine } from '../kernel/routine.js';
import type { Stored } from '../ports/store.js';
import type { Host } from './host.js';

/** The state of a stage as its lease's holder reads it. */
export interface StageState {
  readonly stage: Stored<StageRecord> | undefined;
  readonly instances: readonly Stored<InstanceRecord>[];
  readonly routes: readonly Stored<RouteRecord>[];
}

export function readStage(
  host: Pick<Host, 'store'>,
  key: string,
  signal: AbortSignal,
): ResultAsync<StageState, AnyError> {
  const { store } = host;
  return routine(async function* () {
    const stage = yield* store.get('stages', key, { signal });
    const instances = yield* store.list('instances', { where: { stageKey: key } }, { signal });
    const routes = yield* store.list('routes', { where: { stageKey: key } }, { signal });
    return ok<StageState, AnyError>({ stage, instances, routes });
  });
}
