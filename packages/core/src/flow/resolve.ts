/** Resolving: from a request and the configuration of this moment, or from a recorded spec, to everything a deployment needs. */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type ResolvedStage, resolveStage } from '../config/resolve.js';
import { matchStage } from '../config/stage-pattern.js';
import { didYouMean } from '../domain/did-you-mean.js';
import { type AnyError, failure } from '../domain/errors.js';
import { hashText } from '../domain/hash.js';
import type { HealthCheck } from '../domain/health.js';
import { canonicalJson } from '../domain/json.js';
import type { DomainOwner } from '../domain/names.js';
import type { DeploymentRecord, DeploymentRequest } from '../domain/records.js';
import type { ContainerShape, Spec } from '../domain/spec.js';
import { routine } from '../kernel/routine.js';
import { type Scope, scope } from '../kernel/scope.js';
import type { CallOptions } from '../ports/call.js';
import type { LocalImage } from '../ports/container-runtime.js';
import { invalid } from '../ports/kit.js';
import { fixedDomain, generatedDomain, type WantedDomain } from './claim.js';
import { matchReach, type Surroundings } from './describe.js';
import { type Environment, keepEnv, openOverrides, plainOf, reviveEnv } from './environment.js';
import { gatherEnv, withOverrides } from './gather-env.js';
import { headerSecrets, reviveHealth } from './health-secrets.js';
import type { Host } from './host.js';
import { type ResolvedImage, resolveImage } from './image.js';

/** All of a spec but its routes, which the claim decides. */
export type Draft = Omit<Spec, 'routes'>;

export interface Resolution {
  readonly draft: Draft;
  readonly env: Environment;
  /** Values that nothing may show. */
  readonly secrets: readonly string[];
  readonly image: LocalImage | undefined;
  readonly wanted: readonly WantedDomain[];
  readonly notes: readonly string[];
  /** Without the environment: enough for a cutover, and not for a container. */
  readonly isPartial?: boolean;
}

type Asked = Pick<DeploymentRequest, 'project' | 'stage' | 'tag' | 'digest' | 'env'>;

/** The stage that a request means, by the configuration of this moment. */
export function findStage(
  host: Host,
  asked: Pick<Asked, 'project' | 'stage'>,
  options: CallOptions,
): ResultAsync<ResolvedStage, AnyError> {
  return routine(async function* () {
    const project = yield* host.projects(asked.project, options);
    const match = matchStage(project.stages, asked.stage);
    if (!match) return err(unknownStage(asked, Object.keys(project.stages)));
    const { settings } = host;
    const resolved = resolveStage(
      {
        settings,
        projectName: asked.project,
        project,
        stageKey: match.key,
        stage: match.stage,
        stageName: asked.stage,
      },
      host,
    );
    return resolved.isOk() ? ok(resolved.value) : err(invalid('invalid-config', resolved.error));
  });
}

const unknownStage = ({ project, stage }: Pick<Asked, 'project' | 'stage'>, known: readonly string[]): AnyError =>
  failure(
    'unknown-stage',
    `Project "${project}" has no stage "${stage}"${didYouMean(stage, known)}.`,
    `Choose one of: ${known.join(', ') || 'none is configured'}.`,
  );

/** What is asked of others for a deployment: its stage's configuration of this moment, and the image. */
export interface LookUp {
  readonly stage: ResultAsync<ResolvedStage, AnyError>;
  readonly image: ResultAsync<ResolvedImage, AnyError>;
}

export function lookUp(host: Host, asked: Asked, options: CallOptions): LookUp {
  const stage = findStage(host, asked, options);
  const image = stage.andThen(({ image: repository, pull }) =>
    resolveImage(host, { repository, tag: asked.tag, digest: asked.digest, pull }, options),
  );
  return { stage, image };
}

/** Looks up while the request is stored and the stage's lease is taken: neither needs the other. */
export class LookAhead {
  readonly #scope: Scope;
  #found: LookUp | undefined;

  /** @param signals any of them ends the looking, and what was found is that it was broken off */
  constructor(host: Host, asked: DeploymentRequest, signals: readonly AbortSignal[]) {
    this.#scope = scope(host.clock, signals);
    if (asked.rollBackTo === undefined) this.#found = lookUp(host, asked, this.#scope);
  }

  /** Undefined from the second time on: who asks again wants to know what it is by then. */
  take(): LookUp | undefined {
    const found = this.#found;
    this.#found = undefined;
    return found;
  }

  /** What is found counts no more. Who has to wait for somebody else deploys what the tag means after that. */
  forget(): void {
    this.#found = undefined;
    this.#scope.abort();
    this.#scope.end();
  }
}

/** @param found what was looked up for it already */
export function resolveDeploy(
  host: Host,
  asked: Asked,
  around: Surroundings,
  options: CallOptions,
  found: LookUp = lookUp(host, asked, options),
): ResultAsync<Resolution, AnyError> {
  return routine(async function* () {
    const stage = yield* found.stage;
    const gathered = yield* gatherEnv(host, stage, asked, options);
    const { env, plain } = withOverrides(gathered, yield* openOverrides(host, asked.env));
    const container = withNetwork(stage.container, around);
    const reach = yield* reachOf(host, around, { container, port: stage.port, health: stage.health });
    const { image, local } = yield* found.image;
    const draft: Omit<Draft, 'fingerprint' | 'env'> = {
      project: asked.project,
      stage: asked.stage,
      tag: asked.tag,
      image,
      container,
      reach,
      port: stage.port,
      health: stage.health,
      maxInstances: stage.maxInstances,
      rollbackWindowMs: stage.rollbackWindowMs,
      replace: stage.replace,
      ...(stage.cutover ? { cutover: stage.cutover } : {}),
      drainMs: stage.drainMs,
      drainTimeoutMs: stage.drainTimeoutMs,
      ttlMs: stage.ttlMs,
      keep: stage.keep,
      limits: stage.limits,
      options: stage.options,
    };
    const secrets = secretsOf(env, plain, stage.health);
    const fingerprint = yield* fingerprintOf(host, draft, env);
    const kept = yield* keepEnv(host, env, plain);
    return ok<Resolution, AnyError>({
      draft: { ...draft, env: kept, fingerprint },
      env,
      secrets,
      image: local,
      wanted: domainsOf(host, stage, asked.tag),
      notes: [],
    });
  });
}

/** The domains that a stage wants for a tag: its default ones, its custom ones, the tag's own. */
export function domainsOf(
  host: Pick<Host, 'settings'>,
  stage: Pick<ResolvedStage, 'project' | 'stage' | 'port' | 'domains'>,
  tag: string,
): readonly WantedDomain[] {
  const { domain: base, defaultRoute, taggedRoute } = host.settings;
  if (stage.port === null || base === undefined) return [];
  const { project, stage: name } = stage;
  return [
    generatedDomain(defaultRoute, base, { kind: 'default', project, stage: name }),
    ...stage.domains.map((domain) => fixedDomain(domain, { kind: 'custom', project, stage: name })),
    generatedDomain(taggedRoute, base, { kind: 'tagged', project, stage: name, tag }),
  ];
}

/**
 * A recorded spec, to be deployed again. Where it is to be sent today: every default and custom domain that the stage has live, and the
 * recorded ones; the configuration is asked for nothing but values that were not kept.
 * @param creates whether a container will be made: only then are the values of its environment needed
 */
export function resolveRecorded(
  host: Host,
  record: DeploymentRecord,
  recorded: Spec,
  around: Surroundings,
  creates: boolean,
  options: CallOptions,
): ResultAsync<Resolution, AnyError> {
  return routine(async function* () {
    // Who rolls back wants to be rid of what serves now, of all of it.
    const { fingerprint: recordedFingerprint, routes, env: variables, cutover: _shares, ...rest } = recorded;
    const { env, fromToday } = creates
      ? yield* reviveEnv(host, variables, () => envOfToday(host, record, recorded, options))
      : { env: {} as Environment, fromToday: [] };
    const health = yield* reviveHealth(host, recorded.health, () =>
      findStage(host, record, options).map((stage) => stage.health),
    );
    const reach = yield* reachOf(host, around, recorded);
    const image = creates
      ? yield* host.call('Looking for the image', options.signal, (call) =>
          host.runtime.image(recorded.image.reference, call),
        )
      : undefined;
    const plain = plainOf(variables);
    const draft = { ...rest, health, reach };
    const live = yield* host.store.list('routes', { where: { stageKey: record.stageKey } }, options);
    const domains = new Map(
      [
        ...live.flatMap(({ value }) => (value.state === 'live' && value.owner.kind !== 'tagged' ? [value] : [])),
        ...routes.map((route) => ({ id: route.domain, owner: route.owner })),
      ].map(({ id, owner }) => [id, owner] as const),
    );
    return ok<Resolution, AnyError>({
      draft: {
        ...draft,
        env: creates ? yield* keepEnv(host, env, plain) : variables,
        fingerprint: creates ? yield* fingerprintOf(host, draft, env) : recordedFingerprint,
      },
      env,
      secrets: secretsOf(env, plain, health),
      image,
      wanted: [...domains].map(([domain, owner]) => recordedDomain(host, domain, owner)),
      isPartial: !creates,
      notes:
        fromToday.length > 0
          ? [`Values that were not kept are taken from today's configuration: ${fromToday.join(', ')}.`]
          : [],
    });
  });
}

/** What the configuration of this moment gives a recorded spec for its environment. */
export const envOfToday = (
  host: Host,
  asked: Pick<Asked, 'project' | 'stage'>,
  recorded: Pick<Spec, 'project' | 'stage' | 'tag'>,
  options: CallOptions,
): ResultAsync<Environment, AnyError> =>
  findStage(host, asked, options)
    .andThen((stage) => gatherEnv(host, stage, recorded, options))
    .map(({ env }) => env);

/** The domain as it was, or, where that is somebody else's by now, what its owner would get today. A custom one is that one or none. */
function recordedDomain({ settings }: Pick<Host, 'settings'>, domain: string, owner: DomainOwner): WantedDomain {
  const { domain: base, defaultRoute, taggedRoute } = settings;
  if (owner.kind === 'custom' || base === undefined) return fixedDomain(domain, owner);
  const today = generatedDomain(owner.kind === 'tagged' ? taggedRoute : defaultRoute, base, owner);
  return { owner, candidate: (attempt) => (attempt === 0 ? domain : today.candidate(attempt - 1)) };
}

/** The runtime's own network where the stage names none: so that it is given at create, and made where it is missing. */
function withNetwork(container: ContainerShape, around: Surroundings): ContainerShape {
  const own = around.runtime.offers.find((offer) => offer.kind === 'name');
  if (container.networks.length > 0 || !own) return container;
  return { ...container, networks: [{ name: own.network, aliases: [] }] };
}

function reachOf(host: Host, around: Surroundings, of: Pick<Spec, 'container' | 'port' | 'health'>) {
  const isProbed = of.health.kind === 'http' || of.health.kind === 'tcp';
  return matchReach(around, {
    networks: of.container.networks.map(({ name }) => name),
    proxy: of.port !== null,
    probe: isProbed ? host.probe.reaches : null,
    names: { proxy: host.proxy?.name ?? 'none', probe: host.probe.name, runtime: host.runtime.name },
  });
}

export function secretsOf(env: Environment, plain: ReadonlySet<string>, health: HealthCheck): string[] {
  const values = Object.entries(env).flatMap(([name, value]) => (plain.has(name) ? [] : [value]));
  return [...values, ...headerSecrets(health)];
}

/**
 * A hash of all that makes the container and its route what they are. With a key it is keyed; without one the store's id goes into it,
 * which keeps it from being compared between stores and not from being tried against guesses: a reason more to give a key.
 */
export function fingerprintOf(
  host: Pick<Host, 'sealer' | 'storeId'>,
  draft: Omit<Draft, 'fingerprint' | 'env'>,
  env: Environment,
): ResultAsync<string, AnyError> {
  const { tag, image, container, port, health, reach, options, replace } = draft;
  const { reference, digest } = image;
  const text = canonicalJson({ tag, reference, digest, container, port, health, reach, options, replace, env });
  return routine(async function* () {
    return ok<string, AnyError>(
      host.sealer ? yield* host.sealer.fingerprint(text) : hashText(`${host.storeId}\n${text}`),
    );
  });
}
