/**
 * Imports a configuration in TypeScript or JavaScript, of either kind of module.
 *
 * `@quayside/*` always means the packages that this command was installed with: they fit together and fit the core that runs
 * them, and a configuration finds them also where the command is installed globally and its own folder has nothing.
 */
import { fileURLToPath } from 'node:url';

const BUNDLED = [
  '@quayside/core/testing',
  '@quayside/core/ports',
  '@quayside/core',
  '@quayside/docker-adapter',
  '@quayside/http-adapter',
  '@quayside/npm-adapter',
  '@quayside/proxy-adapter',
  '@quayside/sql-adapter',
];

export async function importModule(file: string): Promise<unknown> {
  // Loaded only now: a configuration in JSON needs no compiler.
  const { createJiti } = await import('jiti');
  const { defineConfig } = await import('./define-config.js');
  const alias = Object.fromEntries(BUNDLED.map((name) => [name, fileURLToPath(import.meta.resolve(name))]));
  const jiti = createJiti(file, {
    alias,
    // The entry of this very package: from its sources it has no file that could be imported again.
    virtualModules: { '@quayside/cli': { defineConfig } },
    // What is compiled is small, and a cache beside it would surprise.
    fsCache: false,
    interopDefault: false,
  });
  return jiti.import(file);
}
