/**
 * Settings, project and stage merged into one stage, and what only the three together can tell: pure, and the same for a
 * configuration that is checked at the start and for one that a host's function answers at each request.
 */
import { err, ok, type Result } from 'neverthrow';
import type { Issue } from '../domain/errors.js';
import type { HealthCheck } from '../domain/health.js';
import type { Json } from '../domain/json.js';
import { expand, isDomain } from '../domain/names.js';
import type { QueuePolicy } from '../domain/records.js';
import type { ContainerShape, Keep, KeepBound, Mount, PullPolicy, SpecCutover, SpecLimits } from '../domain/spec.js';
import type { ContainerRuntime } from '../ports/container-runtime.js';
import { pathText } from '../ports/kit.js';
import type { Holding, ProxyManager } from '../ports/proxy-manager.js';
import { cutoverIssue, holdsMs, resolveCutover } from './cutover.js';
import { resolveHealth } from './health.js';
import type { EnvOptions } from './options.js';
import type { ParsedDefaults, ParsedProject, ParsedSettings, ParsedStage } from './schema.js';

/** A stage with every default in place. */
export interface ResolvedStage {
  readonly project: string;
  readonly stage: string;
  readonly image: string;
  readonly port: number | null;
  readonly health: HealthCheck;
  /** Nearest last. */
  readonly env: readonly EnvOptions[];
  readonly plainEnv: ReadonlySet<string>;
  readonly container: ContainerShape;
  readonly maxInstances: number;
  readonly replace: 'start-first' | 'stop-first';
  readonly cutover: SpecCutover | null;
  readonly rollbackWindowMs: number;
  readonly pull: PullPolicy;
  readonly drainMs: number;
  readonly drainTimeoutMs: number;
  readonly ttlMs: number | null;
  readonly keep: Keep;
  /** What visitors are told in maintenance, where who asks for it says nothing else. */
  readonly maintenance: Holding;
  readonly policy: QueuePolicy;
  readonly running: 'finish' | 'cancel';
  readonly limits: SpecLimits;
  /** Of the default route, beside its generated one. */
  readonly domains: readonly string[];
  readonly options: { readonly runtime: Json; readonly proxy: Json };
}

/** The ports that have a say in what a stage may ask for. */
export interface StagePorts {
  readonly runtime: Pick<ContainerRuntime, 'name' | 'parseOptions' | 'connect'>;
  readonly proxy: Pick<ProxyManager, 'name' | 'parseOptions' | 'capabilities' | 'statistics'> | null;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
/** The bound of a whole deployment, where nobody says another. */
export const DEPLOY_MS = 30 * MINUTE_MS;

interface Source {
  readonly settings: ParsedSettings;
  readonly projectName: string;
  readonly project: ParsedProject;
  /** The key in `stages`: a pattern, perhaps. */
  readonly stageKey: string;
  readonly stage: ParsedStage;
  /** What it is deployed as; of a configuration that is only checked, the key. */
  readonly stageName: string;
}

export function resolveStage(source: Source, ports: StagePorts): Result<ResolvedStage, readonly Issue[]> {
  const { settings, project, stage, projectName, stageName } = source;
  const layers: readonly ParsedDefaults[] = [settings, project, stage];
  const pick = <K extends keyof ParsedDefaults>(key: K): ParsedDefaults[K] =>
    layers.reduce<ParsedDefaults[K]>((found, layer) => layer[key] ?? found, undefined as ParsedDefaults[K]);
  const issues: Issue[] = [];
  const wrong = (field: string, expected: string, received: string) =>
    issues.push({
      path: pathText('projects', [projectName, 'stages', source.stageKey, ...field.split('.')]),
      expected,
      received,
    });

  const oneShot = pick('oneShot') ?? false;
  const port = pick('port') ?? null;
  const replace = pick('replace') ?? 'start-first';
  const maxInstances = pick('maxInstances') ?? (replace === 'stop-first' ? 1 : 3);
  const mounts = (pick('mounts') ?? []).map(mountOf);
  const restart = pick('restart') ?? (oneShot ? 'no' : 'unless-stopped');
  const networks = (pick('networks') ?? []).map((use) =>
    typeof use === 'string' ? { name: use, aliases: [] } : { name: use.name, aliases: use.aliases ?? [] },
  );
  const published = (pick('ports') ?? []).map((each) => ({
    containerPort: each.container,
    hostPort: each.host ?? null,
    bind: each.bind ?? '127.0.0.1',
    protocol: each.protocol ?? ('tcp' as const),
  }));
  const rotation = pick('logRotation');

  if (oneShot && port !== null) wrong('port', 'nothing, as `oneShot` is meant to end', String(port));
  if (oneShot && !['no', 'on-failure'].includes(restart))
    wrong('restart', "'no' or 'on-failure', as `oneShot` is meant to end", `"${restart}"`);
  if (port !== null && ports.proxy === null) wrong('port', 'a `proxy` beside it that makes the route', 'no proxy');
  if (port !== null && settings.domain === undefined) {
    issues.push({
      path: 'settings.domain',
      expected: 'the domain that generated routes stand in front of',
      received: 'nothing',
    });
  }
  if (replace === 'stop-first' && maxInstances > 1)
    wrong('maxInstances', "1 with `replace: 'stop-first'`", String(maxInstances));
  const isShared = pick('sharedVolume') ?? false;
  const writable = mounts.find((mount) => mount.type === 'volume' && !mount.readOnly);
  if (writable && !isShared && replace !== 'stop-first') {
    wrong(
      'mounts',
      "`replace: 'stop-first'` (or `sharedVolume: true`) beside a writable volume, which two instances would write to",
      `start-first with ${writable.target}`,
    );
  }
  const fixed = published.find((each) => each.hostPort !== null);
  if (fixed && replace !== 'stop-first') {
    wrong(
      'ports',
      "`replace: 'stop-first'` beside a fixed host port, which two instances cannot share",
      `start-first with ${fixed.hostPort}`,
    );
  }
  if (networks.length > 1 && !ports.runtime.connect)
    wrong('networks', `one network, as the runtime ${ports.runtime.name} cannot connect more`, String(networks.length));
  if (new Set(networks.map(({ name }) => name)).size < networks.length)
    wrong('networks', 'each network once', 'one twice');

  const cutover = resolveCutover(pick('cutover'));
  const issue =
    cutover && cutoverIssue(cutover, { port, replace, deployTimeoutMs: pick('deployTimeout') }, ports.proxy);
  if (issue) wrong(...issue);

  const health = resolveHealth(layers, { oneShot, port });
  if (health.isErr()) for (const issue of health.error) wrong(issue.path, issue.expected, issue.received);
  const domains = resolveDomains(source, wrong);
  if (domains.length > 0 && port === null)
    wrong('domains', 'nothing, as a stage without a port has no route', `${domains.length} domains`);
  const runtimeOptions = adapterOptions('runtime', ports.runtime, pick('options')?.runtime, source, issues);
  const proxyOptions = adapterOptions('proxy', ports.proxy, pick('options')?.proxy, source, issues);
  if (issues.length > 0 || health.isErr()) return err(issues);

  return ok({
    project: projectName,
    stage: stageName,
    image: project.image,
    port,
    health: health.value,
    env: layers.flatMap((layer) => (layer.env === undefined ? [] : [layer.env])),
    plainEnv: new Set(layers.flatMap((layer) => layer.plainEnv ?? [])),
    container: {
      labels: Object.assign({}, ...layers.map((layer) => layer.labels ?? {})),
      command: pick('command') ?? null,
      entrypoint: pick('entrypoint') ?? null,
      workingDir: pick('workingDir') ?? null,
      user: pick('user') ?? null,
      readOnlyRoot: pick('readOnlyRoot') ?? false,
      init: pick('init') ?? true,
      mounts,
      limits: { memoryBytes: pick('memory') ?? null, cpus: pick('cpus') ?? null, pids: pick('pids') ?? null },
      restart,
      logRotation:
        rotation === false
          ? null
          : { maxBytes: rotation?.maxSize ?? 10 * 1024 ** 2, maxFiles: rotation?.maxFiles ?? 3 },
      networks,
      ports: published,
      stopSignal: pick('stopSignal') ?? null,
      stopGraceMs: pick('stopGrace') ?? 10 * SECOND_MS,
    },
    maxInstances,
    replace,
    cutover,
    rollbackWindowMs: pick('rollbackWindow') ?? 0,
    pull: pick('pull') ?? 'always',
    drainMs: pick('drain') ?? 10 * SECOND_MS,
    drainTimeoutMs: pick('drainTimeout') ?? 30 * SECOND_MS,
    ttlMs: pick('ttl') ?? null,
    keep: resolveKeep(layers),
    maintenance: resolveMaintenance(layers),
    policy: pick('policy') ?? 'queue',
    running: pick('running') ?? 'finish',
    limits: {
      pullMs: pick('pullTimeout') ?? 10 * MINUTE_MS,
      proveMs: pick('proveTimeout') ?? 10 * SECOND_MS,
      deploymentMs: pick('deployTimeout') ?? DEPLOY_MS + holdsMs(cutover),
    },
    domains,
    options: { runtime: runtimeOptions, proxy: proxyOptions },
  });
}

/** Of a stage that is not configured any more, and of no layers at all: the defaults. */
export function resolveKeep(layers: readonly ParsedDefaults[]): Keep {
  const bound = (field: keyof Keep, count: number): KeepBound => {
    const merged = Object.assign({}, ...layers.map((layer) => layer.keep?.[field] ?? {}));
    return { count: merged.count ?? count, ageMs: merged.age ?? null };
  };
  return { history: bound('history', 200), logs: bound('logs', 50), images: bound('images', 5) };
}

const MESSAGE = 'Down for maintenance. Please come again in a few minutes.';

/** Of a stage that is not configured any more, and of no layers at all: the defaults. */
export function resolveMaintenance(layers: readonly ParsedDefaults[]): Holding {
  const { message, retryAfterMs } = Object.assign({}, ...layers.map((layer) => layer.maintenance ?? {}));
  return { message: message ?? MESSAGE, retryAfterMs: retryAfterMs ?? 5 * MINUTE_MS };
}

function mountOf(mount: NonNullable<ParsedDefaults['mounts']>[number]): Mount {
  if (mount.type === 'tmpfs') return { type: 'tmpfs', target: mount.target, sizeBytes: mount.size ?? null };
  return { type: mount.type, source: mount.source, target: mount.target, readOnly: mount.readOnly ?? false };
}

function resolveDomains(source: Source, wrong: (field: string, expected: string, received: string) => void): string[] {
  const { project, projectName, stage, stageKey, stageName } = source;
  const seen = new Set<string>();
  for (const written of stage.domains ?? []) {
    if (stageKey.includes('*') && !written.includes('{stage}')) {
      wrong('domains', 'domains with {stage}, as several stages match this pattern', JSON.stringify(written));
      continue;
    }
    const domain = expand(written, { project: projectName, stage: stageName.replaceAll('*', 'x') }).toLowerCase();
    if (!isDomain(domain))
      wrong('domains', "lower-case host names such as 'shop.example.com'", JSON.stringify(written));
    else if (seen.has(domain)) wrong('domains', 'each domain once', JSON.stringify(written));
    seen.add(domain);
  }
  // Of every project's stages, a custom domain can belong to one: the claim sees to it; within a project it is seen here.
  for (const [otherKey, other] of Object.entries(project.stages)) {
    if (otherKey <= stageKey || stageKey.includes('*') || otherKey.includes('*')) continue;
    const shared = (other.domains ?? []).find((domain) =>
      seen.has(expand(domain, { project: projectName, stage: otherKey }).toLowerCase()),
    );
    if (shared !== undefined)
      wrong('domains', `domains that stage "${otherKey}" does not have too`, JSON.stringify(shared));
  }
  return [...seen];
}

function adapterOptions(
  kind: 'runtime' | 'proxy',
  port: Pick<ContainerRuntime | ProxyManager, 'name' | 'parseOptions'> | null,
  options: unknown,
  source: Source,
  issues: Issue[],
): Json {
  const path = pathText('projects', [source.projectName, 'stages', source.stageKey, 'options', kind]);
  if (!port?.parseOptions) {
    if (options !== undefined) {
      issues.push({
        path,
        expected: `nothing, as the ${kind} ${port ? `"${port.name}" ` : ''}takes no options`,
        received: typeof options,
      });
    }
    return null;
  }
  const parsed = port.parseOptions(options, path);
  if (parsed.isOk()) return parsed.value;
  issues.push(...parsed.error.issues);
  return null;
}
