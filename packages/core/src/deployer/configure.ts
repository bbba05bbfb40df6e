/** Checks the whole of what `createDeployer` was given, and reports every wrong field of all of it at once. */
import { err, errAsync, ok, okAsync, type Result } from 'neverthrow';
import type { ProjectLookup } from '../config/options.js';
import { resolveStage } from '../config/resolve.js';
import { configSchemas, type ParsedProject, type ParsedSettings } from '../config/schema.js';
import { didYouMean } from '../domain/did-you-mean.js';
import { failure, type InvalidError, type Issue } from '../domain/errors.js';
import type { ProjectSource } from '../flow/host.js';
import { guard } from '../kernel/routine.js';
import { bounded } from '../kernel/scope.js';
import type { Placed } from '../plugins/order.js';
import type { Clock, Ids } from '../ports/clock.js';
import type { ContainerRuntime } from '../ports/container-runtime.js';
import type { HealthProbe } from '../ports/health-probe.js';
import { check, invalid, pathText } from '../ports/kit.js';
import type { Sealer } from '../ports/sealer.js';
import type { Store } from '../ports/store.js';
import { aesSealer, systemClock, systemIds } from '../system.js';
import { type GivenPorts, takePlugins, takePorts } from './ports.js';
import type { DeployerOptions } from './types.js';

export interface Configured extends GivenPorts {
  readonly runtime: ContainerRuntime;
  readonly store: Store;
  readonly probe: HealthProbe;
  readonly settings: ParsedSettings;
  readonly projects: ProjectSource;
  /** In their order. */
  readonly plugins: readonly Placed[];
  readonly sealer: Sealer | null;
  readonly group: string | null;
  readonly recover: 'on-start' | 'manual';
  readonly clock: Clock;
  readonly ids: Ids;
}

const OPTIONS = [
  'runtime',
  'proxy',
  'store',
  'probe',
  'registry',
  'notifiers',
  'settings',
  'projects',
  'plugins',
  'secrets',
  'sealer',
  'worker',
  'recover',
  'clock',
  'ids',
];
/** Hosts of one group have to spell it alike. */
const GROUP = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** Beside renewal and the longest effect a lease needs this much, for a timer, a packet or a pause of the process. */
const LEASE_MARGIN_MS = 1_000;
/** How long a host's look-up of a project may take. */
const LOOKUP_MS = 30_000;

export function configure(input: unknown): Result<Configured, InvalidError<'invalid-config'>> {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return err(
      invalid('invalid-config', [
        { path: 'options', expected: 'an object', received: input === null ? 'null' : typeof input },
      ]),
    );
  const options = input as Partial<DeployerOptions>;
  const issues: Issue[] = [];
  for (const key of Object.keys(options)) {
    if (!OPTIONS.includes(key))
      issues.push({ path: key, expected: `a known field${didYouMean(key, OPTIONS)}`, received: 'an unknown one' });
  }
  const plugins = takePlugins(options.plugins, issues);
  const ports = takePorts(options, issues);
  const clock = options.clock ?? systemClock();
  const settings = parsed(
    check('invalid-config', configSchemas().settings, options.settings ?? {}, 'settings', configSchemas().words),
    issues,
  );
  if (settings) checkTiming(settings, issues);
  const sealer = sealerOf(options, issues);
  const group = groupOf(options.worker, issues);
  const recover = recoverOf(options.recover, issues);
  const isProxyBroken = Boolean(options.proxy) && !ports.proxy;
  const projects = projectsOf(options.projects, { settings, ports, isProxyBroken, clock }, issues);
  const { runtime, store, probe } = ports;
  if (issues.length > 0 || !settings || !runtime || !store || !probe || !projects)
    return err(invalid('invalid-config', issues));
  const ids = options.ids ?? systemIds();
  return ok({ ...ports, runtime, store, probe, settings, projects, plugins, sealer, group, recover, clock, ids });
}

function parsed<T>(result: Result<T, InvalidError<'invalid-config'>>, issues: Issue[]): T | undefined {
  if (result.isOk()) return result.value;
  issues.push(...result.error.issues);
  return undefined;
}

/** A lease has to outlast a renewal that comes late and the longest effect that starts right before it. */
function checkTiming({ ttlMs, renewMs, effectTimeoutMs }: ParsedSettings, issues: Issue[]): void {
  const neededMs = renewMs + effectTimeoutMs + LEASE_MARGIN_MS;
  if (ttlMs >= neededMs) return;
  issues.push({
    path: 'settings.ttlMs',
    expected: `at least renewMs + effectTimeoutMs + ${LEASE_MARGIN_MS} = ${neededMs}`,
    received: String(ttlMs),
  });
}

function sealerOf(options: Partial<DeployerOptions>, issues: Issue[]): Sealer | null {
  if (options.sealer) return options.sealer;
  if (options.secrets === undefined) return null;
  const { keys } = options.secrets as { readonly keys?: unknown };
  if (!Array.isArray(keys) || keys.some((key) => typeof key !== 'string')) {
    issues.push({ path: 'secrets.keys', expected: 'an array of keys, each a text', received: typeof keys });
    return null;
  }
  const sealer = aesSealer(keys as string[]);
  if (sealer.isOk()) return sealer.value;
  issues.push(...sealer.error);
  return null;
}

function groupOf(worker: unknown, issues: Issue[]): string | null {
  if (worker === undefined) return null;
  const { group, ...others } = (typeof worker === 'object' && worker !== null ? worker : {}) as { group?: unknown };
  if (typeof group === 'string' && GROUP.test(group) && Object.keys(others).length === 0) return group;
  issues.push({
    path: 'worker',
    expected:
      '{ group } with 1 to 63 letters, digits, dots, dashes and underscores that begin with a letter or a digit',
    received: JSON.stringify(worker)?.slice(0, 80) ?? typeof worker,
  });
  return null;
}

function recoverOf(recover: unknown, issues: Issue[]): Configured['recover'] {
  if (recover === undefined || recover === 'on-start' || recover === 'manual') return recover ?? 'on-start';
  issues.push({
    path: 'recover',
    expected: "'on-start' or 'manual'",
    received: JSON.stringify(recover) ?? 'a function',
  });
  return 'on-start';
}

interface Around {
  readonly settings: ParsedSettings | undefined;
  readonly ports: GivenPorts;
  /** One was given and is not usable, which is said already: that a stage has none would be said on top of it. */
  readonly isProxyBroken: boolean;
  readonly clock: Clock;
}

function projectsOf(given: unknown, around: Around, issues: Issue[]): ProjectSource | undefined {
  if (typeof given === 'function') return lookedUp(given as ProjectLookup, around.clock);
  const projects = parsed(
    check('invalid-config', configSchemas().projects, given, 'projects', configSchemas().words),
    issues,
  );
  if (!projects) return undefined;
  const { settings, ports, isProxyBroken } = around;
  const { runtime } = ports;
  if (settings && runtime && !isProxyBroken) {
    const seen = new Set<string>();
    for (const [projectName, project] of Object.entries(projects)) {
      for (const [stageKey, stage] of Object.entries(project.stages)) {
        const source = { settings, projectName, project, stageKey, stage, stageName: stageKey };
        const resolved = resolveStage(source, { runtime, proxy: ports.proxy });
        if (resolved.isOk()) continue;
        // What is wrong in the settings is wrong for every stage, and said once.
        for (const issue of resolved.error) {
          const text = `${issue.path}\n${issue.expected}`;
          if (!seen.has(text)) issues.push(issue);
          seen.add(text);
        }
      }
    }
  }
  return (name) => {
    const project = Object.hasOwn(projects, name) ? projects[name] : undefined;
    return project ? okAsync(project) : errAsync(unknownProject(name, Object.keys(projects)));
  };
}

const lookedUp =
  (lookup: ProjectLookup, clock: Clock): ProjectSource =>
  (name, { signal }) =>
    bounded(clock, [signal], { what: 'Looking the project up', ms: LOOKUP_MS }, (options) =>
      guard(async () => ok(await lookup(name, options.signal))),
    ).andThen((found): Result<ParsedProject, Parameters<typeof err>[0] & never> | Result<ParsedProject, never> => {
      if (found === undefined || found === null) return err(unknownProject(name, []) as never);
      return check(
        'invalid-config',
        configSchemas().project,
        found,
        pathText('projects', [name]),
        configSchemas().words,
      ) as never;
    }) as ReturnType<ProjectSource>;

const unknownProject = (name: string, known: readonly string[]) =>
  failure(
    'unknown-project',
    `There is no project "${name}"${didYouMean(name, known)}.`,
    known.length > 0 ? `Choose one of: ${known.join(', ')}.` : 'Add it to `projects`.',
  );
