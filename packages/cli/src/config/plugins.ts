/**
 * Plugins of a configuration in JSON, each with its options beside its name: one of Quayside's own, a package, or a file from the folder of
 * the configuration. A module's default export is a plugin, or a function from options to one.
 *
 * ```json
 * "plugins": ["@acme/quayside-traefik", { "plugin": "migrations", "command": ["npm", "run", "migrate"] }]
 * ```
 */
import { isAbsolute, join } from 'node:path';
import type { AdapterFactories, AnyError, ContributedAdapters, Issue, Plugin } from '@quayside/core';
import { didYouMean, invalid } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { importModule, importPackage } from './import-module.js';

/** A plugin, or what is wrong with it, which `createDeployer` reports with all the rest. */
export type GivenPlugin = Result<Plugin, AnyError>;
type Factory = (options: never) => unknown;

/** Each is loaded only where it is named. */
const OURS: { readonly [name: string]: () => Promise<Factory> } = {
  approval: async () => (await import('@quayside/plugins')).approvalGate,
  migrations: async () => (await import('@quayside/plugins')).migrations,
  'preview-comment': async () => (await import('@quayside/plugins')).previewComment,
};

export const pluginsOf = (given: readonly unknown[], folder: string): Promise<GivenPlugin[]> =>
  Promise.all(given.map((each, index) => pluginOf(each, `plugins[${index}]`, folder)));

async function pluginOf(given: unknown, path: string, folder: string): Promise<GivenPlugin> {
  const wrong = (field: string, expected: string, received: string): GivenPlugin =>
    err(invalid('invalid-config', [{ path: `${path}${field}`, expected, received }]));
  const isNamed = typeof given === 'string' || (typeof given === 'object' && given !== null && !Array.isArray(given));
  if (!isNamed) return wrong('', 'a name, or an object with `plugin` and its options', `a ${typeof given}`);
  const { plugin: name, ...options } = (typeof given === 'string' ? { plugin: given } : given) as {
    readonly plugin?: unknown;
  };
  if (typeof name !== 'string' || name === '')
    return wrong('.plugin', 'the name of a plugin, a package or a file', name === undefined ? 'nothing' : typeof name);
  try {
    const found = Object.hasOwn(OURS, name) ? await OURS[name]?.() : await exportedBy(name, folder);
    if (typeof found !== 'function') {
      const [first] = Object.keys(options);
      if (first !== undefined) return wrong(`.${first}`, 'no options, as this plugin takes none', 'one');
      return ok(found as Plugin);
    }
    const answer = await (found as Factory)(options as never);
    const result = (isResult(answer) ? answer : ok(answer)) as GivenPlugin;
    return result.mapErr((error) => inPlace(error, path));
  } catch (thrown) {
    const [line] = (thrown instanceof Error ? thrown.message : String(thrown)).split('\n');
    const expected = `a plugin that can be loaded: one of ${Object.keys(OURS).join(', ')}, a package, or a file such as ./plugin.mjs`;
    return wrong('.plugin', `${expected}${didYouMean(name, Object.keys(OURS))}`, `${JSON.stringify(name)}: ${line}`);
  }
}

/** The answer may be of another copy of neverthrow than ours. */
const isResult = (answer: unknown): boolean =>
  typeof answer === 'object' && answer !== null && 'isOk' in answer && 'mapErr' in answer;

async function exportedBy(name: string, folder: string): Promise<unknown> {
  const isFile = name.startsWith('.') || isAbsolute(name);
  const module = await (isFile
    ? importModule(join(isAbsolute(name) ? '' : folder, name))
    : importPackage(name, folder));
  if (typeof module === 'object' && module !== null && 'default' in module) return module.default;
  return module;
}

/** A factory speaks of `migrations.command`; in the file it is `plugins[0].command`. */
function inPlace(error: AnyError, path: string): AnyError {
  if (!('issues' in error)) return error;
  const issues = (error.issues as readonly Issue[]).map((issue) => ({
    ...issue,
    path: issue.path.replace(/^[A-Za-z][\w-]*/, path),
  }));
  return invalid('invalid-config', issues);
}

export type Port = keyof ContributedAdapters;

/** What plugins bring, beside what there is: a name that is taken is an issue. */
export function withContributed<Known extends { readonly [Name in Port]: { readonly [adapter: string]: unknown } }>(
  known: Known,
  plugins: readonly GivenPlugin[],
  issues: Issue[],
): { readonly [Name in Port]: { readonly [adapter: string]: Known[Name][string] | AdapterFactories[string] } } {
  const all = Object.fromEntries(Object.entries(known).map(([port, adapters]) => [port, { ...adapters }]));
  plugins.forEach((plugin, index) => {
    const adapters = plugin.isOk() ? plugin.value?.adapters : undefined;
    for (const [port, factories] of Object.entries(adapters ?? {}))
      for (const [name, factory] of Object.entries(factories ?? {})) {
        const path = `plugins[${index}].adapters.${port}.${name}`;
        const of = Object.hasOwn(all, port) ? all[port] : undefined;
        if (!of) issues.push({ path, expected: `a port: one of ${Object.keys(all).join(', ')}`, received: port });
        else if (Object.hasOwn(of, name))
          issues.push({ path, expected: 'a name that no other adapter has', received: JSON.stringify(name) });
        else of[name] = factory;
      }
  });
  return all as never;
}
