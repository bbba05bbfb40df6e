/** The ports of a host in the matrix, all of them real. It listens nowhere: who serves is a process that outlives it. */
import type { DeployerOptions, ProjectOptions, Settings } from '../../packages/core/src/index.js';
import { unwrap } from '../../packages/core/src/index.js';
import type { Store } from '../../packages/core/src/ports/store.js';
import { dockerRuntime } from '../../packages/docker-adapter/src/index.js';
import { httpProbe } from '../../packages/http-adapter/src/index.js';
import { embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { openStore, type StoreAt } from '../support/store-at.js';

/** What every process of one case knows. */
export interface Place {
  readonly store: StoreAt;
  readonly socketPath: string;
  readonly network: string;
  readonly settings: Settings;
  readonly project: ProjectOptions;
}

export const PROJECT = 'shop';
export const DOMAIN = 'crash.test';

/** @param around wraps the runtime and the proxy, and the store */
export function hostOptions(
  { store, socketPath, network, settings, project }: Place,
  around: { port<Port extends object>(port: Port): Port; store(store: Store): Store } = {
    port: (port) => port,
    store: (same) => same,
  },
): DeployerOptions {
  return {
    runtime: around.port(unwrap(dockerRuntime({ network, host: `unix://${socketPath}` }))),
    proxy: around.port(unwrap(embeddedProxy())),
    store: around.store(openStore(store)),
    probe: unwrap(httpProbe()),
    settings: { ...settings, domain: DOMAIN },
    projects: { [PROJECT]: project },
    // Only whoever is sent to recover does so.
    recover: 'manual',
  };
}
