/**
 * A host that is killed in the midst of a migration: it says when the container of its command runs, and waits for the end.
 *
 *   node --import tsx test/flow/migrating-host.ts '{"database":"…",…}'
 */
import { createDeployer, unwrap } from '../../packages/core/src/index.js';
import { dockerRuntime } from '../../packages/docker-adapter/src/index.js';
import { distributionRegistry, httpProbe } from '../../packages/http-adapter/src/index.js';
import { migrations } from '../../packages/plugins/src/index.js';
import { embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { sqliteStore } from '../../packages/sql-adapter/src/index.js';

export interface MigratingHost {
  readonly database: string;
  readonly image: string;
  readonly network: string;
  readonly stage: string;
}

const host = JSON.parse(process.argv[2] ?? '') as MigratingHost;
const deployer = await unwrap(
  createDeployer({
    runtime: dockerRuntime({ network: host.network }),
    proxy: embeddedProxy(),
    store: sqliteStore({ path: host.database }),
    probe: httpProbe(),
    registry: distributionRegistry(),
    settings: { domain: 'plugins.test', ttlMs: 2_500, renewMs: 500, effectTimeoutMs: 1_000 },
    projects: { shop: { image: host.image, stages: { [host.stage]: { port: 3000 } } } },
    plugins: [migrations({ command: ['sleep', '600'] })],
  }),
);
void deployer.deploy({ project: 'shop', stage: host.stage, tag: 'v1' });
