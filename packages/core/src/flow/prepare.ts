/** Everything of a deployment up to and with its claim: until then nothing is touched but our own records. */
import { err, errAsync, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type { InstanceRecord } from '../domain/records.js';
import type { Spec } from '../domain/spec.js';
import type { Lease } from '../kernel/held-lease.js';
import { routine } from '../kernel/routine.js';
import type { Scope } from '../kernel/scope.js';
import { type Claim, type ClaimTerms, claimDomains, draftClaim, prepareClaim } from './claim.js';
import type { Surroundings } from './describe.js';
import type { Mode } from './extensions.js';
import { containerRef, type Flow, instanceRef, makeFlow, type PreviousInstance } from './flow.js';
import { keepHealth } from './health-secrets.js';
import { holdingOf, isSameHolding } from './holding.js';
import type { Host } from './host.js';
import { openly } from './known-secrets.js';
import type { Ledger } from './ledger.js';
import {
  domainsOf,
  type LookAhead,
  type LookUp,
  lookUp,
  type Resolution,
  resolveDeploy,
  resolveRecorded,
} from './resolve.js';
import { commitIntents } from './run-steps.js';
import { settleStage } from './settle.js';
import { readStage, type StageState } from './stage-state.js';
import type { Step } from './step.js';
import { claimStep } from './steps/claim.js';
import { stepsFor } from './steps/index.js';
import { isSamePlace, targetOf } from './target.js';

export type Plan =
  | {
      readonly mode: 'unchanged';
      readonly resolution: Resolution;
      readonly target: InstanceRecord;
      /** Its visitors are told to come again. */
      readonly isHeld: boolean;
    }
  | { readonly mode: Mode; readonly flow: Flow; readonly steps: readonly Step[] };

/** @param whole the deployment's bound: what the stage says of it is known here */
export function prepare(
  host: Host,
  ledger: Ledger,
  lease: Lease,
  ahead: LookAhead,
  whole: Scope,
): ResultAsync<Plan, AnyError> {
  const { record } = ledger;
  const { signal } = whole;
  const options = { signal };
  return routine(async function* () {
    const around = yield* host.surroundings(options);
    const left = yield* settleStage(host, record.stageKey, lease, around.identities, record.id, signal);
    const stays = [...left.unfinished, ...left.needsHost.map(({ deployment }) => deployment)];
    if (stays.length > 0) ledger.log('warn', `What deployments ${stays.join(', ')} have left could not be undone yet.`);
    const state = yield* readStage(host, record.stageKey, signal);
    const isRecorded = record.request.rollBackTo !== undefined;
    const found = isRecorded ? undefined : (ahead.take() ?? lookUp(host, record.request, options));
    const common = {
      storeId: host.storeId,
      stageKey: record.stageKey,
      claimedBy: record.id,
      identity: around.identities.proxy ?? '',
    };
    const early = found && draftEarly(host, record.tag, found, common, options);
    let resolution = yield* resolve(host, ledger, around, found, false, options);
    whole.limit(resolution.draft.limits.deploymentMs);
    ledger.redactor = host.secrets.redactor(resolution.secrets, openly(record));
    for (const note of resolution.notes) ledger.log('info', note);
    const same = record.request.force
      ? undefined
      : yield* sameInstance(host, record.request.rollBackTo, resolution.draft.fingerprint, state, around, signal);
    if (!same && resolution.isPartial) {
      // It ran when it was looked for, and has ended since: a container will be made, and needs its environment.
      resolution = yield* resolve(host, ledger, around, undefined, true, options);
      ledger.redactor = host.secrets.redactor(resolution.secrets, openly(record));
    }
    const { draft } = resolution;
    const isInMaintenance = state.stage?.value.maintenance !== undefined;
    if (isInMaintenance && draft.port !== null && host.proxy?.capabilities.holding === false)
      return err(cannotHold(host.proxy.name, record));
    ledger.note({ record: { digest: draft.image.digest, identities: around.identities } });

    const terms: ClaimTerms = { ...common, options: draft.options.proxy };
    if (same && same.id === state.stage?.value.current) {
      const claim = yield* prepareClaim(host.store, resolution.wanted, terms, options);
      if (yield* isServed(host, claim, same, resolution.draft, state, signal))
        return ok<Plan, AnyError>({ mode: 'unchanged', resolution, target: same, isHeld: isInMaintenance });
    }
    // Everything that can fail comes before the claim: after it there is something to take back.
    const previous = yield* previousOf(host, state, signal);
    const container = same && (yield* inspectInstance(host, same, null, signal));
    const mode = same ? 'cutover' : 'create';
    const { env, image } = resolution;
    if (mode === 'create') host.secrets.remember(record.id, resolution.secrets, openly(record));
    const health = yield* keepHealth(host, draft.health);
    const flowWith = (routes: Spec['routes']): Flow => {
      const spec: Spec = { ...draft, routes };
      const target = same ? instanceRef(host, same) : containerRef(host, spec, record.id);
      return makeFlow({ host, ledger, spec, env, target, previous, image });
    };
    const { extensions } = host;
    if (extensions?.beforeClaim) yield* extensions.beforeClaim(flowWith([]), signal);
    const { wanted } = resolution;
    const anew = () => draftClaim(host, wanted, terms, options);
    const { flow, steps } = yield* claimDomains(anew, early?.recent(), (claim) => {
      const claimed = flowWith(claim.routes);
      const own = stepsFor(claimed.spec, mode);
      const arranged = extensions ? extensions.arrange(own, claimed) : ok(own);
      if (arranged.isErr()) return errAsync(arranged.error);
      const kept = { ...claimed.spec, health };
      const committed = commitClaim(claimed, kept, claim, arranged.value, signal);
      return committed.map(() => ({ flow: claimed, steps: arranged.value }));
    });
    const { spec } = flow;
    ledger.log('info', described(spec, same), { digest: spec.image.digest, domains: spec.routes.map((r) => r.domain) });
    flow.seen.restarts = container?.restarts ?? 0;
    flow.seen.maintenance = state.stage?.value.maintenance ?? null;
    return ok<Plan, AnyError>({ mode, flow, steps });
  });
}

/** How old a claim's draft may be that was made while the registry was asked, in milliseconds. */
const DRAFT_FRESH_MS = 100;

/** The claim's draft, made while the registry is asked what the tag means: neither needs the other. */
function draftEarly(
  host: Host,
  tag: string,
  found: LookUp,
  common: Omit<ClaimTerms, 'options'>,
  options: { readonly signal: AbortSignal },
) {
  const atMs = host.clock.monotonicMs();
  const draft = found.stage.andThen((stage) =>
    draftClaim(host, domainsOf(host, stage, tag), { ...common, options: stage.options.proxy }, options),
  );
  return { recent: () => (host.clock.monotonicMs() - atMs < DRAFT_FRESH_MS ? draft : undefined) };
}

/** Its routes would lead visitors to the instance, whatever the record says. */
const cannotHold = (proxy: string, { project, stage }: { readonly project: string; readonly stage: string }) =>
  failure(
    'unsupported',
    `Stage "${stage}" of project "${project}" is in maintenance, and the proxy ${proxy} cannot tell visitors so.`,
    `Lift it first (\`quayside maintenance off ${project} ${stage}\`), or deploy by a proxy that can.`,
  );

const described = (spec: Spec, same: InstanceRecord | undefined): string =>
  same
    ? `${spec.tag} runs already as ${same.container}: the routes move to it.`
    : `${spec.tag} is ${spec.image.reference}.`;

function resolve(
  host: Host,
  ledger: Ledger,
  around: Surroundings,
  found: LookUp | undefined,
  mustCreate: boolean,
  options: { readonly signal: AbortSignal },
): ResultAsync<Resolution, AnyError> {
  const { record } = ledger;
  const { rollBackTo } = record.request;
  if (rollBackTo === undefined) return resolveDeploy(host, record.request, around, options, found);
  return routine(async function* () {
    const to = yield* host.store.get('deployments', rollBackTo, options);
    const instance = to?.value.instance ?? rollBackTo;
    const running = yield* host.store.get('instances', instance, options);
    const runs = running?.value.state === 'running' && running.value.identities.runtime === around.identities.runtime;
    // The spec that the instance was made from, or, of one that is gone, that of the deployment.
    const spec =
      (yield* host.store.get('specs', instance, options)) ?? (yield* host.store.get('specs', rollBackTo, options));
    if (!spec) return err(noSpec(rollBackTo));
    const creates =
      mustCreate || record.request.force || !runs || !(yield* isAlive(host, running.value, options.signal));
    return resolveRecorded(host, record, spec.value.spec, around, creates, options);
  });
}

const noSpec = (id: string): AnyError =>
  failure(
    'unknown-deployment',
    `Deployment ${id} has no recorded spec: it ended before one was made.`,
    'Choose another one of the history.',
  );

/**
 * The running instance that is the same as what is asked for; of several the current one.
 * @param rollBackTo the deployment whose instance is meant, whatever its fingerprint
 */
export function sameInstance(
  host: Host,
  rollBackTo: string | undefined,
  fingerprint: string,
  state: StageState,
  around: Surroundings,
  signal: AbortSignal,
): ResultAsync<InstanceRecord | undefined, AnyError> {
  return routine(async function* () {
    const wanted = rollBackTo === undefined ? undefined : yield* host.store.get('deployments', rollBackTo, { signal });
    const candidates = state.instances
      .map(({ value }) => value)
      .filter(
        (each) =>
          each.state === 'running' &&
          each.identities.runtime === around.identities.runtime &&
          (each.fingerprint === fingerprint || (wanted !== undefined && each.id === wanted.value.instance)),
      )
      .sort((a, b) => b.defaultOrder - a.defaultOrder);
    for (const each of candidates)
      if (yield* isAlive(host, each, signal)) return ok<InstanceRecord | undefined, AnyError>(each);
    return ok<InstanceRecord | undefined, AnyError>(undefined);
  });
}

const isAlive = (host: Host, instance: InstanceRecord, signal: AbortSignal): ResultAsync<boolean, AnyError> =>
  inspectInstance(host, instance, null, signal).map(
    (container) => container?.state === 'running' && container.owner?.deployment === instance.id,
  );

const inspectInstance = (host: Host, { container }: InstanceRecord, port: number | null, signal: AbortSignal) =>
  host.call(`Inspecting ${container}`, signal, (options) => host.runtime.inspect(container, { ...options, port }));

/**
 * Whether every wanted route is live at this instance, and the stage has no default one beside them: by the records, and by what the
 * proxy holds. A container that was started again may have another address, and who deploys the same tag again wants it back.
 */
export function isServed(
  host: Host,
  claim: Claim,
  { id, container: name }: InstanceRecord,
  { reach, port }: Pick<Spec, 'reach' | 'port'>,
  state: StageState,
  signal: AbortSignal,
): ResultAsync<boolean, AnyError> {
  const wanted = new Set(claim.routes.map(({ domain }) => domain));
  const others = state.routes.some(
    ({ value }) => value.state === 'live' && value.owner.kind !== 'tagged' && !wanted.has(value.id),
  );
  const isRecorded = !others && claim.records.every((route) => route?.state === 'live' && route.instance === id);
  return routine(async function* () {
    const { proxy, runtime } = host;
    if (!isRecorded || !proxy || wanted.size === 0) return ok<boolean, AnyError>(isRecorded);
    const container = yield* host.call(`Inspecting ${name}`, signal, (o) => runtime.inspect(name, { ...o, port }));
    const target = targetOf({ reach }, id, container);
    const looks = await Promise.all(
      claim.routes.map(({ domain }) => host.call(`Reading the route ${domain}`, signal, (o) => proxy.get(domain, o))),
    );
    for (const [index, look] of looks.entries()) {
      const held = yield* look;
      const owner = claim.routes[index]?.owner ?? { kind: 'tagged' as const };
      if (!isSameHolding(held?.holding, holdingOf(proxy, state.stage, owner))) return ok(false);
      // All of them: a share of the requests may still go elsewhere, where nobody could take a cutover back.
      const isThere = held?.targets.every((each) => isSamePlace(each, target));
      if (!isThere) return ok(false);
    }
    return ok(true);
  });
}

/**
 * Spec, domains and the journal's first entries, in one commit.
 * @param kept the spec as it is stored, without secrets in the clear
 */
function commitClaim(
  flow: Flow,
  kept: Spec,
  { fresh, taken, changes }: Claim,
  steps: readonly Step[],
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  const { ledger } = flow;
  const claimed = { step: claimStep, intent: { domains: fresh, taken } as Json, state: 'done' } as const;
  return commitIntents(claimed, steps, flow, signal, {
    changes: [{ op: 'put', collection: 'specs', record: { id: ledger.record.id, spec: kept } }, ...changes],
  });
}

function previousOf(
  host: Host,
  { stage, instances }: StageState,
  signal: AbortSignal,
): ResultAsync<PreviousInstance | null, AnyError> {
  return routine(async function* () {
    const current = instances.find(({ value }) => value.id === stage?.value.current)?.value;
    if (!current) return ok<PreviousInstance | null, AnyError>(null);
    const spec = yield* host.store.get('specs', current.id, { signal });
    return ok<PreviousInstance | null, AnyError>(
      spec ? { id: current.id, container: current.container, spec: spec.value.spec } : null,
    );
  });
}
