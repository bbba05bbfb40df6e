/**
 * A host that closes its deployer and does nothing more: the process has to end by itself. It says what holds it, right after close().
 *
 *   node --import tsx test/flow/ending-host.ts '{"scene":"success",…}'
 */
import { createDeployer, type Deployer, unwrap } from '../../packages/core/src/index.js';
import type { Store } from '../../packages/core/src/ports/store.js';
import { dockerRuntime } from '../../packages/docker-adapter/src/index.js';
import { distributionRegistry, httpProbe, webhookNotifier } from '../../packages/http-adapter/src/index.js';
import { nginxProxyManager } from '../../packages/npm-adapter/src/index.js';
import { embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { postgresStore, sqliteStore } from '../../packages/sql-adapter/src/index.js';

export type Scene =
  | 'nothing'
  | 'success'
  | 'failure'
  | 'cancel'
  | 'followers'
  | 'a deployment that runs'
  | 'a removal that waits'
  | 'an engine that hangs'
  | 'a registry that hangs'
  | 'a receiver that hangs';

export interface EndingHost {
  readonly scene: Scene;
  /** A file, or an address. */
  readonly database: string;
  readonly image: string;
  readonly network: string;
  readonly stage: string;
  /** `127.0.0.1:port` of a server that takes connections and never answers. */
  readonly silent: string;
  /** A socket of an engine that does so. */
  readonly silentSocket: string;
  /** Default the embedded proxy, which listens. */
  readonly npm?: {
    readonly url: string;
    readonly frontDoor: string;
    readonly identity: string;
    readonly secret: string;
    readonly node: string;
  };
}

export interface Ended {
  readonly heldBy: readonly string[];
  readonly said: string;
}

const host = JSON.parse(process.argv[2] ?? '') as EndingHost;
const { scene, stage } = host;
/** What holds this process anyway: its output, which is opened when it is first asked for, and what loads it. */
const resources = () => process.getActiveResourcesInfo().sort();
void [process.stdout, process.stderr];
const before = resources();

const store: Store = host.database.startsWith('postgres')
  ? unwrap(postgresStore({ connectionString: host.database }))
  : unwrap(sqliteStore({ path: host.database }));
const embedded = unwrap(embeddedProxy());
const deployer = await unwrap(
  createDeployer({
    runtime: dockerRuntime({
      network: host.network,
      ...(scene === 'an engine that hangs' ? { host: `unix://${host.silentSocket}` } : {}),
    }),
    proxy: host.npm
      ? nginxProxyManager({
          url: host.npm.url,
          frontDoor: host.npm.frontDoor,
          identity: host.npm.identity,
          secret: host.npm.secret,
          reaches: [{ kind: 'address', node: host.npm.node }],
        })
      : embedded,
    store,
    probe: httpProbe(),
    registry: distributionRegistry(),
    notifiers:
      scene === 'a receiver that hangs' ? [unwrap(webhookNotifier({ url: `http://${host.silent}/hook` }))] : [],
    settings: { domain: 'ending.test', ttlMs: 9_000, renewMs: 2_000, effectTimeoutMs: 5_000 },
    projects: {
      shop: {
        image: scene === 'a registry that hangs' ? `${host.silent}/shop` : host.image,
        port: 3000,
        healthcheck: { retries: 0, interval: '300ms', timeout: '500ms' },
        drain: 0,
        stages: { '*': {}, 'slow-*': { healthcheck: { retries: 20, interval: '5s' } } },
      },
    },
  }),
);
if (!host.npm) await unwrap(embedded.listen({ host: '127.0.0.1', port: 0 }));

const said = await play(deployer);
const closing = performance.now();
await deployer.close({ timeoutMs: 3_000 });
const closedMs = Math.round(performance.now() - closing);
await new Promise((resolve) => setImmediate(resolve));
const heldBy = resources();
for (const each of before) if (heldBy.includes(each)) heldBy.splice(heldBy.indexOf(each), 1);
process.stdout.write(`${JSON.stringify({ heldBy, said: `${said}; closed in ${closedMs} ms` } satisfies Ended)}\n`);

/** @returns what came of it, for the one who reads a failure */
async function play(deployer: Deployer): Promise<string> {
  const deploy = (tag: string, signal?: AbortSignal) =>
    deployer.deploy({ project: 'shop', stage, tag }, signal ? { signal } : {}).match(
      ({ status }) => status,
      ({ kind, message }) => `${kind}: ${message}`,
    );
  const soon = () => new Promise((resolve) => setTimeout(resolve, 1_000));
  switch (scene) {
    case 'nothing':
      return 'nothing';
    case 'success':
    case 'a receiver that hangs':
      return deploy('v1');
    case 'failure':
      return deploy('silent');
    case 'cancel': {
      const cancel = new AbortController();
      deployer.on('deployment.step', ({ step }) => {
        if (step.name === 'health' && step.status === 'running') cancel.abort();
      });
      return deploy('silent', cancel.signal);
    }
    case 'followers': {
      const status = await deploy('v1');
      const [instance] = (await unwrap(deployer.instances.list())).items;
      const ends = [
        read(deployer.events()),
        read(deployer.instanceLogs(instance?.id ?? '', { follow: true })),
        deployer.submit({ project: 'shop', stage: 'slow-1', tag: 'silent' }).map(({ id }) => {
          void read(deployer.logs(id, { follow: true }));
        }),
      ];
      void Promise.all(ends);
      await soon();
      return status;
    }
    case 'a deployment that runs':
      void deploy('silent');
      void deployer.submit({ project: 'shop', stage: 'slow-2', tag: 'silent' });
      await soon();
      return 'runs';
    case 'a removal that waits':
      // Behind a deployment that takes longer than the close.
      void deployer.submit({ project: 'shop', stage: 'slow-3', tag: 'silent' });
      await soon();
      void deployer.remove({ project: 'shop', stage: 'slow-3' });
      await soon();
      return 'waits';
    default:
      void deploy('v1');
      await soon();
      return 'hangs';
  }
}

async function read(entries: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const _ of entries);
  } catch {
    // Closed: that is what it is told.
  }
}
