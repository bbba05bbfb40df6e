/**
 * Imports a configuration in TypeScript or JavaScript, of either kind of module.
 *
 * `@quayside/*` always means the packages that this command was installed with: they fit together and fit the core that runs
 * them, and a configuration finds them also where the command is installed globally and its own folder has nothing.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from './define-config.js';
import { fromCommand } from './from-command.js';

const BUNDLED = [
  '@quayside/core/testing',
  '@quayside/core/ports',
  '@quayside/core',
  '@quayside/docker-adapter',
  '@quayside/http-adapter',
  '@quayside/mail-adapter',
  '@quayside/npm-adapter',
  '@quayside/haproxy-adapter',
  '@quayside/plugins',
  '@quayside/proxy-adapter',
  '@quayside/sql-adapter',
];

export async function importModule(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8');
  // What the file names is imported as this command imports it; what its own helpers name is found through the alias.
  return (await compiler(file, await modulesNamedIn(text))).import(file);
}

/** A package by its name, as a file in that folder would find it. */
export async function importPackage(name: string, folder: string): Promise<unknown> {
  return (await compiler(join(folder, 'quayside.config.json'), {})).import(name);
}

async function compiler(file: string, virtualModules: Record<string, unknown>) {
  // Loaded only now: a configuration in JSON alone needs no compiler.
  const { createJiti } = await import('jiti');
  return createJiti(file, {
    virtualModules,
    alias: Object.fromEntries(BUNDLED.map((name) => [name, fileURLToPath(import.meta.resolve(name))])),
    // A cache of compiled code in a folder that anybody can write to would be an invitation.
    fsCache: false,
    interopDefault: false,
  });
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
