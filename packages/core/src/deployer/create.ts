/** `createDeployer`: checks everything it was given, and opens the store while the rest of the library is loaded. */
import { ok, type Result, type ResultAsync } from 'neverthrow';
import type { ProjectMap } from '../config/options.js';
import type { AnyError, InvalidError } from '../domain/errors.js';
import { once } from '../domain/once.js';
import { redactor } from '../kernel/redactor.js';
import { guard, routine } from '../kernel/routine.js';
import { redactedError } from '../kernel/stored-error.js';
import { configure } from './configure.js';
import type { Deployer, DeployerOptions } from './types.js';

/** All that acts. Who imports the library to check a configuration, or makes its deployer later, does not wait for it. */
export const loadStart = once(() => import('./start.js'));

/**
 * Makes a Deployer. It owns the ports that it is given: `close()` closes them.
 *
 * Errors: `invalid-config` with every wrong field of the configuration and of all adapters at once, then of the plugins' set-ups; what the store says when it is
 * opened (`store-refused` for one of a newer schema). Nothing else is contacted.
 */
export function createDeployer<const Projects extends ProjectMap = ProjectMap>(
  options: DeployerOptions<Projects>,
): ResultAsync<Deployer<Projects>, AnyError> {
  return routine(async function* () {
    const configured = yield* configure(options);
    const signal = new AbortController().signal;
    const loading = guard(async () => ok(await loadStart()));
    const plugins = configured.plugins.length > 0 ? yield* (yield* loading).setUp(configured) : null;
    const opened = await guard(() => configured.store.storeId({ signal })).mapErr((error) =>
      redactedError(error, redactor(configured.store.secrets?.() ?? [])),
    );
    if (opened.isErr()) await plugins?.dispose();
    const storeId = yield* opened;
    const { startDeployer } = yield* loading;
    const deployer = startDeployer(configured, storeId, plugins);
    return ok<Deployer<Projects>, AnyError>(deployer as unknown as Deployer<Projects>);
  });
}

/** Checks options as `createDeployer` does: every wrong field at once. Opens nothing and contacts nobody. */
export const checkOptions = (options: DeployerOptions): Result<void, InvalidError<'invalid-config'>> =>
  configure(options).map(() => undefined);
