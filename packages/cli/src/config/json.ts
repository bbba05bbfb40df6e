/**
 * A configuration in JSON: adapters by name, each with its options beside it, and secrets from the environment or from commands
 * (`"env": { "PASSWORD": { "command": ["op", "read", "…"] } }`).
 *
 * ```json
 * {
 *   "runtime": { "adapter": "docker", "network": "apps" },
 *   "proxy": { "adapter": "npm", "url": "…", "identity": "…", "secret": "$NPM_SECRET" },
 *   "store": { "adapter": "sqlite", "path": "quayside.db" },
 *   "projects": { "shop": { "image": "…", "stages": { "dev": { "port": 3000 } } } }
 * }
 * ```
 */
import type { AnyError, DeployerOptions, Issue } from '@quayside/core';
import { didYouMean, invalid, pathText } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { type ConfigError, configError } from './error.js';
import { fromCommand } from './from-command.js';
import { type Port, pluginsOf, withContributed } from './plugins.js';

type Env = { readonly [name: string]: string | undefined };
type Factory = (options: never) => Result<object, AnyError>;
type Loader = () => Promise<Factory>;
type Adapters = { readonly [Name in Port]: { readonly [adapter: string]: Loader } };

/** Each is loaded only where it is named. */
const ADAPTERS: Adapters = {
  runtime: { docker: async () => (await import('@quayside/docker-adapter')).dockerRuntime },
  proxy: {
    embedded: async () => (await import('@quayside/proxy-adapter')).embeddedProxy,
    haproxy: async () => (await import('@quayside/haproxy-adapter')).haproxy,
    npm: async () => (await import('@quayside/npm-adapter')).nginxProxyManager,
  },
  store: {
    postgres: async () => (await import('@quayside/sql-adapter')).postgresStore,
    sqlite: async () => (await import('@quayside/sql-adapter')).sqliteStore,
  },
  probe: { http: async () => (await import('@quayside/http-adapter')).httpProbe },
  registry: { distribution: async () => (await import('@quayside/http-adapter')).distributionRegistry },
  notifiers: {
    discord: async () => (await import('@quayside/http-adapter')).discordNotifier,
    mail: async () => (await import('@quayside/mail-adapter')).mailNotifier,
    ntfy: async () => (await import('@quayside/http-adapter')).ntfyNotifier,
    slack: async () => (await import('@quayside/http-adapter')).slackNotifier,
    teams: async () => (await import('@quayside/http-adapter')).teamsNotifier,
    telegram: async () => (await import('@quayside/http-adapter')).telegramNotifier,
    webhook: async () => (await import('@quayside/http-adapter')).webhookNotifier,
  },
};

/** Where one machine has but one sensible choice. */
const DEFAULTS: { readonly [Name in Port]?: string } = { runtime: 'docker', probe: 'http' };

/** @param folder that files of plugins count from */
export async function optionsOfJson(
  given: Readonly<Record<string, unknown>>,
  env: Env,
  folder = '.',
): Promise<Result<DeployerOptions, ConfigError>> {
  const { $schema: _schema, ...config } = given;
  const issues: Issue[] = [];
  const filled = fill(config, [], env, issues) as Record<string, unknown>;
  const options: Record<string, unknown> = { ...filled };
  const { plugins: named } = filled;
  const plugins = Array.isArray(named) ? await pluginsOf(named, folder) : [];
  if (Array.isArray(named)) options['plugins'] = plugins;
  // A factory of a plugin is there already; ours are loaded where they are named.
  const all = withContributed(ADAPTERS, plugins, issues);
  const adapters = Object.fromEntries(
    Object.entries(all).map(([port, of]) => [
      port,
      Object.fromEntries(
        Object.entries(of).map(([name, made]) => [
          name,
          ADAPTERS[port as Port][name] ?? (async () => made as unknown as Factory),
        ]),
      ),
    ]),
  ) as unknown as Adapters;
  for (const port of ['runtime', 'proxy', 'store', 'probe', 'registry'] as const) {
    const value = filled[port] ?? DEFAULTS[port];
    if (value !== undefined && value !== null) options[port] = await adapter(adapters, port, value, port);
  }
  const { notifiers } = filled;
  if (Array.isArray(notifiers))
    options['notifiers'] = await Promise.all(
      notifiers.map((value, index) => adapter(adapters, 'notifiers', value, `notifiers[${index}]`)),
    );
  options['settings'] = withCommands(options['settings'], ['settings'], issues);
  options['projects'] = eachOf(options['projects'], ['projects'], (project, path) => {
    const own = withCommands(project, path, issues);
    if (!isObject(own) || !('stages' in own)) return own;
    const stages = eachOf(own['stages'], [...path, 'stages'], (stage, at) => withCommands(stage, at, issues));
    return { ...own, stages };
  });
  return issues.length > 0 ? err(configError(issues)) : ok(options as unknown as DeployerOptions);
}

/** The port, or what is wrong with it, which `createDeployer` reports with all the rest. */
async function adapter(
  adapters: Adapters,
  port: Port,
  given: unknown,
  path: string,
): Promise<Result<object, AnyError>> {
  if (typeof given !== 'string' && !isObject(given)) {
    const expected = 'an object with `adapter` and its options';
    const received = Array.isArray(given) ? `an array of ${given.length}` : `a ${typeof given}`;
    return err(invalid('invalid-config', [{ path, expected, received }]));
  }
  const { adapter: name, ...options } = typeof given === 'string' ? { adapter: given } : given;
  const known = Object.keys(adapters[port]);
  const load = typeof name === 'string' && Object.hasOwn(adapters[port], name) ? adapters[port][name] : undefined;
  if (!load) {
    const near = typeof name === 'string' ? didYouMean(name, known) : '';
    const expected = `${known.length > 1 ? 'one of ' : ''}${known.map((each) => `"${each}"`).join(', ')}${near}`;
    const received = name === undefined ? 'nothing' : typeof name === 'string' ? JSON.stringify(name) : typeof name;
    return err(invalid('invalid-config', [{ path: `${path}.adapter`, expected, received }]));
  }
  const factory = await load();
  return factory(options as never).mapErr((error) => inPlace(error, path));
}

const isObject = (given: unknown): given is Record<string, unknown> =>
  typeof given === 'object' && given !== null && !Array.isArray(given);

/** A factory speaks of `dockerRuntime.network`; in the file it is `runtime.network`. */
function inPlace(error: AnyError, path: string): AnyError {
  if (!('issues' in error)) return error;
  const issues = (error.issues as readonly Issue[]).map((issue) => ({
    ...issue,
    path: issue.path.replace(/^[A-Za-z]+/, path),
  }));
  return invalid('invalid-config', issues);
}

/** Where a text may stand for a variable: what an adapter is told, the keys, and the environment of instances. */
const isFilled = (path: readonly PropertyKey[]): boolean => {
  const [top] = path;
  return typeof top === 'string' && (top in ADAPTERS || top === 'secrets' || top === 'plugins' || path.includes('env'));
};

/** `"$NAME"` becomes the variable's value; `"$$NAME"` is the text `$NAME`. */
function fill(value: unknown, path: readonly PropertyKey[], env: Env, issues: Issue[]): unknown {
  if (Array.isArray(value)) return value.map((each, index) => fill(each, [...path, index], env, issues));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, fill(each, [...path, key], env, issues)]),
    );
  }
  if (typeof value !== 'string' || !isFilled(path)) return value;
  if (/^\$\$[A-Za-z_][A-Za-z0-9_]*$/.test(value)) return value.slice(1);
  if (!/^\$[A-Za-z_][A-Za-z0-9_]*$/.test(value)) return value;
  const name = value.slice(1);
  const found = env[name];
  if (found !== undefined) return found;
  const expected = `the environment variable ${name} to be set`;
  issues.push({ path: pathText('', path), expected, received: 'nothing' });
  return '';
}

/** An `env` whose values may be commands. What else is wrong with it is for `createDeployer` to say. */
function withCommands(given: unknown, path: readonly string[], issues: Issue[]): unknown {
  if (!isObject(given) || !('env' in given)) return given;
  const env = eachOf(given['env'], [...path, 'env'], (value, at) => {
    if (!isObject(value) || !('command' in value)) return value;
    const { command, ...others } = value;
    const isCommand = Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === 'string');
    if (isCommand && command[0] !== '' && Object.keys(others).length === 0)
      return fromCommand(command as unknown as [string, ...string[]]);
    const expected = '{ "command": ["program", "word", …] }';
    issues.push({ path: pathText('', at), expected, received: 'another object' });
    return '';
  });
  return { ...given, env };
}

function eachOf(
  given: unknown,
  path: readonly string[],
  work: (value: unknown, path: readonly string[]) => unknown,
): unknown {
  if (!isObject(given)) return given;
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, work(value, [...path, key])]));
}
