/** A real engine, a real registry, a real database and the embedded proxy: made in a second, and gone without a trace. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createDeployer,
  type Deployer,
  type DeployerOptions,
  type ProjectOptions,
  type Settings,
  unwrap,
} from '../../packages/core/src/index.js';
import type { ContainerRuntime } from '../../packages/core/src/ports/container-runtime.js';
import type { ProxyManager } from '../../packages/core/src/ports/proxy-manager.js';
import type { Store } from '../../packages/core/src/ports/store.js';
import { dockerRuntime } from '../../packages/docker-adapter/src/index.js';
import { distributionRegistry, httpProbe } from '../../packages/http-adapter/src/index.js';
import { embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { sqliteStore } from '../../packages/sql-adapter/src/index.js';
import { openWorkbench, type Workbench } from './engine.js';
import { type RegistryOptions, startRegistry, type TestRegistry } from './registry.js';

export interface Field extends AsyncDisposable {
  readonly bench: Workbench;
  readonly registry: TestRegistry;
  readonly network: string;
  /** For files; gone with it. */
  readonly folder: string;
  /** Where the proxy listens. */
  readonly frontDoor: { readonly host: string; readonly port: number };
  deployer(projects: { readonly [name: string]: ProjectOptions }, options?: FieldOptions): Promise<Deployer>;
}

export interface FieldOptions {
  readonly settings?: Settings;
  /** Around the store, to count what goes through it. */
  readonly wrapStore?: (store: Store) => Store;
  /** Around the runtime and the proxy, to make them fail. */
  readonly wrapRuntime?: (runtime: ContainerRuntime) => ContainerRuntime;
  readonly wrapProxy?: (proxy: ProxyManager) => ProxyManager;
  readonly options?: Partial<DeployerOptions>;
}

const same = <T>(port: T): T => port;

export async function openField(what: string, options: RegistryOptions = {}): Promise<Field> {
  const bench = openWorkbench(what);
  const registry = await startRegistry(options);
  const folder = await mkdtemp(join(tmpdir(), 'quayside-bench-'));
  const network = `${bench.prefix}-net`;
  // Not the deployer's own: one that is would go with the last container.
  await bench.docker.createNetwork({ Name: network, CheckDuplicate: true });
  const frontDoor = { host: '127.0.0.1', port: 0 };
  const open: Deployer[] = [];
  return {
    bench,
    registry,
    network,
    folder,
    frontDoor,
    async deployer(projects, given = {}) {
      const { settings, wrapStore = same, wrapRuntime = same, wrapProxy = same, options = {} } = given;
      const proxy = embeddedProxy()._unsafeUnwrap();
      const deployer = await unwrap(
        createDeployer({
          runtime: wrapRuntime(dockerRuntime({ network })._unsafeUnwrap()),
          proxy: wrapProxy(proxy),
          store: wrapStore(sqliteStore({ path: join(folder, 'quayside.db') })._unsafeUnwrap()),
          probe: httpProbe(),
          registry: distributionRegistry(),
          settings: { domain: 'bench.test', ...settings },
          projects,
          ...options,
        }),
      );
      open.push(deployer);
      // Another one has a front door of its own.
      if (options.proxy) return deployer;
      const listening = await unwrap(proxy.listen({ host: '127.0.0.1', port: 0 }));
      frontDoor.port = listening.port;
      return deployer;
    },
    async [Symbol.asyncDispose]() {
      for (const deployer of open) await deployer.close();
      await bench.cleanUp();
      await registry.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
