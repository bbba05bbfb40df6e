/** A real engine, a real registry, a real database and the embedded proxy, for benches: made in a second, and gone without a trace. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createDeployer,
  type Deployer,
  type ProjectOptions,
  type Settings,
  unwrap,
} from '../../packages/core/src/index.js';
import type { Store } from '../../packages/core/src/ports/store.js';
import { dockerRuntime } from '../../packages/docker-adapter/src/index.js';
import { httpProbe } from '../../packages/http-adapter/src/index.js';
import { embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { sqliteStore } from '../../packages/sql-adapter/src/index.js';
import { openWorkbench, type Workbench } from '../../test/support/engine.js';
import { startRegistry, type TestRegistry } from '../../test/support/registry.js';

export interface Field extends AsyncDisposable {
  readonly bench: Workbench;
  readonly registry: TestRegistry;
  readonly network: string;
  /** Where the proxy listens. */
  readonly frontDoor: { readonly host: string; readonly port: number };
  deployer(projects: { readonly [name: string]: ProjectOptions }, options?: FieldOptions): Promise<Deployer>;
}

export interface FieldOptions {
  readonly settings?: Settings;
  /** Around the store, to count what goes through it. */
  readonly wrapStore?: (store: Store) => Store;
}

export async function openField(what: string): Promise<Field> {
  const bench = openWorkbench(what);
  const registry = await startRegistry();
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
    frontDoor,
    async deployer(projects, { settings, wrapStore = (store: Store) => store } = {}) {
      const proxy = embeddedProxy()._unsafeUnwrap();
      const deployer = await unwrap(
        createDeployer({
          runtime: dockerRuntime({ network }),
          proxy,
          store: wrapStore(sqliteStore({ path: join(folder, 'quayside.db') })._unsafeUnwrap()),
          probe: httpProbe(),
          settings: { domain: 'bench.test', ...settings },
          projects,
        }),
      );
      open.push(deployer);
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
