/** Which deployment a roll back goes to. */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, failure, type TaggedError } from '../domain/errors.js';
import { type DeploymentRecord, stageKey } from '../domain/records.js';
import type { Host } from '../flow/host.js';
import { routine } from '../kernel/routine.js';
import type { AnyStage, RollBackOptions } from './types.js';
import { unknownDeployment } from './unknown.js';

/** So many deployments of the stage are looked through for a tag. */
const LOOKED_THROUGH = 1_000;

export function rollBackTarget(
  host: Host,
  { project, stage, to }: AnyStage & RollBackOptions,
  signal: AbortSignal,
): ResultAsync<DeploymentRecord, AnyError> {
  const key = stageKey(project, stage);
  return to === undefined ? before(host, key, signal) : named(host, key, to, signal);
}

/** The one that made the instance which the default route pointed to before. */
function before(host: Host, key: string, signal: AbortSignal): ResultAsync<DeploymentRecord, AnyError> {
  return routine(async function* () {
    const stage = yield* host.store.get('stages', key, { signal });
    const id = stage?.value.previous;
    if (!id) return err(nothingBefore());
    const deployment = yield* host.store.get('deployments', id, { signal });
    return deployment ? ok<DeploymentRecord, AnyError>(deployment.value) : err(nothingBefore());
  });
}

function named(host: Host, key: string, to: string, signal: AbortSignal): ResultAsync<DeploymentRecord, AnyError> {
  return routine(async function* () {
    const byId = yield* host.store.get('deployments', to, { signal });
    if (byId?.value.stageKey === key) return ok<DeploymentRecord, AnyError>(byId.value);
    const succeeded = yield* host.store.list(
      'deployments',
      { where: { stageKey: key, status: 'succeeded' }, order: 'desc', limit: LOOKED_THROUGH },
      { signal },
    );
    const found = succeeded.find(({ value }) => value.tag === to);
    return found ? ok<DeploymentRecord, AnyError>(found.value) : err(unknownTarget(to));
  });
}

const nothingBefore = (): TaggedError<'nothing-before'> =>
  failure(
    'nothing-before',
    'The default route has pointed to nothing before: there is nothing to roll back to.',
    'Name a deployment or a tag of the history with `to`.',
  );

const unknownTarget = (to: string): TaggedError<'unknown-deployment'> => ({
  ...unknownDeployment(to),
  message: `The stage has no succeeded deployment with the id or tag ${to}.`,
});
