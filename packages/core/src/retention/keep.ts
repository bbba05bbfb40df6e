import { err, ok, type ResultAsync } from 'neverthrow';
import { resolveKeep } from '../config/resolve.js';
import { isPattern, matchStage } from '../config/stage-pattern.js';
import type { AnyError } from '../domain/errors.js';
import type { StageRecord } from '../domain/records.js';
import type { Keep } from '../domain/spec.js';
import type { Host } from '../flow/host.js';
import { routine } from '../kernel/routine.js';

export type StageName = Pick<StageRecord, 'project' | 'stage'>;

/**
 * How much of a stage's past is kept: as it is configured here at this moment. Hosts that share a store need not have the same projects: of a
 * stage that this one does not know, what its current deployment was claimed with counts, else the defaults.
 */
export function keepOf(
  host: Host,
  stage: StageName,
  record: StageRecord | undefined,
  signal: AbortSignal,
): ResultAsync<Keep, AnyError> {
  return routine(async function* () {
    const configured = yield* configuredStage(host, stage, signal);
    if (configured) return ok<Keep, AnyError>(resolveKeep([host.settings, ...configured.layers]));
    const claimed = record?.currentDeployment
      ? yield* host.store.get('specs', record.currentDeployment, { signal })
      : undefined;
    return ok<Keep, AnyError>(claimed?.value.spec.keep ?? resolveKeep([]));
  });
}

/** Whether a pattern of this host's configuration makes the stage; undefined where it is not configured here. */
export const isPreview = (
  host: Host,
  stage: StageName,
  signal: AbortSignal,
): ResultAsync<boolean | undefined, AnyError> =>
  configuredStage(host, stage, signal).map((configured) => configured && isPattern(configured.key));

function configuredStage(host: Host, { project: name, stage }: StageName, signal: AbortSignal) {
  return host
    .projects(name, { signal })
    .map((project) => {
      const match = matchStage(project.stages, stage);
      return match && { key: match.key, layers: [project, match.stage] };
    })
    .orElse((error) => (error.kind === 'unknown-project' ? ok(undefined) : err(error)));
}
