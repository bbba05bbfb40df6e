/** What a configuration file exports. */
import type { DeployerOptions, ProjectMap } from '@quayside/core';

/** The options of a Deployer, or what makes them: asked once, when the command starts. */
export type QuaysideConfig<Projects extends ProjectMap = ProjectMap> =
  | DeployerOptions<Projects>
  | PromiseLike<DeployerOptions<Projects>>
  | (() => DeployerOptions<Projects> | PromiseLike<DeployerOptions<Projects>>);

/**
 * Types a `quayside.config.ts`, and answers what it was given:
 *
 * ```ts
 * export default defineConfig({
 *   runtime: dockerRuntime(),
 *   store: sqliteStore({ path: 'quayside.db' }),
 *   probe: httpProbe(),
 *   proxy: embeddedProxy(),
 *   settings: { domain: 'apps.example.com' },
 *   projects: { shop: { image: 'registry.example.com/shop', stages: { dev: { port: 3000 } } } },
 * });
 * ```
 * Relative paths count from the folder of the file.
 */
export function defineConfig<const Projects extends ProjectMap>(
  config: QuaysideConfig<Projects>,
): QuaysideConfig<Projects> {
  return config;
}
