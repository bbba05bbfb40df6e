/** What a deployment would do, as things are now. It reads the configuration, the registry, the engine and the store, and writes nothing. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { planGoing } from '../domain/eviction.js';
import { stageKey } from '../domain/records.js';
import { prepareClaim } from '../flow/claim.js';
import { sealOverrides } from '../flow/environment.js';
import type { Host } from '../flow/host.js';
import { pinnedOf } from '../flow/pins.js';
import { isServed, sameInstance } from '../flow/prepare.js';
import { resolveDeploy } from '../flow/resolve.js';
import { readStage } from '../flow/stage-state.js';
import { routine } from '../kernel/routine.js';
import type { DeploymentPlan, DeployRequest } from './types.js';

/** Stands for the instance that would be new. */
const NEW = 'new';

export function planDeployment(
  host: Host,
  request: DeployRequest,
  signal: AbortSignal,
): ResultAsync<DeploymentPlan, AnyError> {
  const { project, stage, tag, digest, force = false } = request;
  const key = stageKey(project, stage);
  return routine(async function* () {
    // As a submission would be: refused for the same reasons, and the same deployment for the same overrides.
    const env = yield* sealOverrides(host, request.env ?? {});
    const around = yield* host.surroundings({ signal });
    const asked = { project, stage, tag, env, ...(digest === undefined ? {} : { digest }) };
    const { draft, image, wanted } = yield* resolveDeploy(host, asked, around, { signal });
    const state = yield* readStage(host, key, signal);
    const same = force ? undefined : yield* sameInstance(host, undefined, draft.fingerprint, state, around, signal);
    const terms = { storeId: host.storeId, stageKey: key, claimedBy: NEW, options: null, identity: '' };
    const claim = yield* prepareClaim(host.store, wanted, terms, { signal });
    const current = state.stage?.value.current ?? null;
    const target = same?.id ?? NEW;
    const instances = state.instances.map(({ value }) => value);
    const { going } = planGoing({
      instances,
      target,
      before: current,
      tag,
      commits: (state.stage?.value.commits ?? 0) + 1,
      maxInstances: draft.maxInstances,
      rollbackWindowMs: draft.rollbackWindowMs,
      now: host.clock.now(),
      pinned: yield* pinnedOf(host.store, instances, signal),
    });
    const isCurrent = same !== undefined && same.id === current;
    const isUnchanged = isCurrent && (yield* isServed(host, claim, same, draft, state, signal));
    const replaces = going.some(({ reason }) => reason === 'replaced');
    const action = isUnchanged ? 'unchanged' : same ? 'cutover' : replaces ? 'replace' : 'create';
    return ok<DeploymentPlan, AnyError>({
      action,
      project,
      stage,
      tag,
      digest: draft.image.digest,
      image: draft.image.reference,
      pulls: image === undefined && !same,
      domains: claim.routes.map(({ domain, owner }) => ({ domain, kind: owner.kind })),
      current,
      evicts: isUnchanged
        ? []
        : going.map(({ instance, reason }) => ({ instance: instance.id, tag: instance.tag, reason })),
      shares: isUnchanged || current === null || isCurrent ? [] : (draft.cutover?.steps ?? []),
      gap: draft.replace === 'stop-first' && current !== null && !same,
    });
  });
}
