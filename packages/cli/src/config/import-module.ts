/**
 * Imports a configuration in TypeScript or JavaScript, of either kind of module.
 *
 * `@quayside/*` always means the packages that this command was installed with: they fit together and fit the core that runs
 * them, and a configuration finds them also where the command is installed globally and its own folder has nothing.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { defineConfig } from './define-config.js';
import { fromCommand } from './from-command.js';

const BUNDLED = [
  '@quayside/core/testing',
  '@quayside/core/ports',
  '@quayside/core',
  '@quayside/docker-adapter',
  '@quayside/http-adapter',
  '@quayside/npm-adapter',
  '@quayside/haproxy-adapter',
  '@quayside/proxy-adapter',
  '@quayside/sql-adapter',
];

export async function importModule(file: string): Promise<unknown> {
  // Loaded only now: a configuration in JSON needs no compiler.
  const [{ createJiti }, text] = await Promise.all([import('jiti'), readFile(file, 'utf8')]);
  const jiti = createJiti(file, {
    // What the file names is imported as this command imports it; what its own helpers name is found through the alias.
    virtualModules: await modulesNamedIn(text),
    alias: Object.fromEntries(BUNDLED.map((name) => [name, fileURLToPath(import.meta.resolve(name))])),
    // A cache of compiled code in a folder that anybody can write to would be an invitation.
    fsCache: false,
    interopDefault: false,
  });
  return jiti.import(file);
}

async function modulesNamedIn(text: string): Promise<Record<string, unknown>> {
  const named = BUNDLED.filter((name) => text.includes(`'${name}'`) || text.includes(`"${name}"`));
  const modules = await Promise.all(named.map((name): Promise<unknown> => import(import.meta.resolve(name))));
  return {
    // The entry of this very package: imported from its own process, it is here already.
    '@quayside/cli': { defineConfig, fromCommand },
    ...Object.fromEntries(named.map((name, index) => [name, modules[index]])),
  };
}
