/** One case's own: a stage with a store, a proxy and a deployer over them, whose ports can be struck. */
import { execFileSync } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createDeployer, type Deployer, unwrap } from '../../packages/core/src/index.js';
import type { Store } from '../../packages/core/src/ports/store.js';
import { dockerRuntime } from '../../packages/docker-adapter/src/index.js';
import { distributionRegistry, httpProbe, webhookNotifier } from '../../packages/http-adapter/src/index.js';
import { nginxProxyManager } from '../../packages/npm-adapter/src/index.js';
import { type ContractServer, startContractServer } from '../../packages/npm-adapter/test/support/contract-server.js';
import { embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { postgresStore, sqliteStore } from '../../packages/sql-adapter/src/index.js';
import { layWire, type Wire } from '../support/wire.js';
import type { FaultCase } from './case.js';
import type { Ground } from './ground.js';
import { type Trigger, trigger } from './moments.js';
import { type Receiver, startReceiver } from './receiver.js';

export interface Site extends AsyncDisposable {
  readonly ground: Ground;
  readonly deployer: Deployer;
  readonly trigger: Trigger;
  readonly stage: string;
  /** What all its domains end with. */
  readonly suffix: string;
  /** Of the default route. */
  readonly domain: string;
  readonly frontDoor: { readonly host: string; readonly port: number };
  /** The Nginx Proxy Manager in front of it, where it has one. */
  readonly npm: ContractServer | undefined;
  /** Between the engine and the registry, where it has one of its own. */
  readonly wire: Wire;
  readonly receiver: Receiver;
  /** Of a small disk. */
  readonly disk: string;
  /** The address of its database, of PostgreSQL. */
  readonly database: string;
  /** Its records by a connection of its own. */
  readonly records: Store;
}

export const PROJECT = 'shop';
/** A store of that size has room for a history; what is left of it is soon full. */
const DISK_BYTES = 3_000_000;

let sites = 0;

export async function openSite(ground: Ground, given: FaultCase): Promise<Site> {
  const undo: (() => unknown)[] = [];
  const dispose = async () => {
    for (const each of undo.splice(0).reverse()) await each();
  };
  const own = <T extends AsyncDisposable>(opened: T): T => {
    undo.push(() => opened[Symbol.asyncDispose]());
    return opened;
  };
  sites += 1;
  const stage = `s${sites}`;
  const suffix = `${stage}.faults.test`;
  try {
    const folder = join(ground.folder, stage);
    await mkdir(folder);
    undo.push(() => rm(folder, { recursive: true, force: true }));
    if (given.store === 'small-disk') {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder]);
      undo.push(() => execFileSync('umount', ['-l', folder]));
    }
    const database = given.store === 'postgres' ? await ground.postgres.database() : '';
    const openStore = (): Store =>
      given.store === 'postgres'
        ? unwrap(postgresStore({ connectionString: database, timeout: '2s' }))
        : unwrap(sqliteStore({ path: join(folder, 'quayside.db'), busyTimeout: '1s' }));
    const looking = openStore();
    undo.push(() => looking.close());

    const wire = own(await layWire(ground.registry.host));
    const receiver = own(await startReceiver());
    const npm = given.proxy === 'npm' ? await startContractServer() : undefined;
    if (npm) undo.push(() => npm.close());
    const embedded = npm ? undefined : unwrap(embeddedProxy());
    const proxy = npm
      ? unwrap(
          nginxProxyManager({
            url: npm.url,
            identity: npm.admin.email,
            secret: npm.admin.secret,
            frontDoor: npm.frontDoor,
            reaches: [{ kind: 'address', node: hostname() }],
            answerTimeout: '3s',
            writeTimeout: '4s',
          }),
        )
      : embedded;
    if (!proxy) throw new Error('no proxy');

    const strikes = trigger();
    let image = ground.image;
    if (given.pulls) image = (await ground.freshImage(given.tag ?? 'v2')).replace(ground.registry.host, wire.host);
    const deployer = await unwrap(
      createDeployer({
        runtime: strikes.wrap(
          'runtime',
          unwrap(
            dockerRuntime({
              host: `unix://${ground.engine.socketPath}`,
              network: ground.network,
              ...(given.pullStallMs === undefined ? {} : { pullStall: given.pullStallMs }),
            }),
          ),
        ),
        proxy: strikes.wrap('proxy', proxy),
        store: strikes.wrap('store', openStore()),
        probe: strikes.wrap('probe', unwrap(httpProbe())),
        ...(given.asksRegistry
          ? { registry: strikes.wrap('registry', unwrap(distributionRegistry({ timeout: '1s', totalTimeout: '3s' }))) }
          : {}),
        ...(given.hasReceiver
          ? { notifiers: [unwrap(webhookNotifier({ url: receiver.url, attempts: 1, timeout: '1s' }))] }
          : {}),
        settings: {
          domain: suffix,
          ttlMs: 9_000,
          renewMs: 2_000,
          effectTimeoutMs: 5_000,
          undoTimeoutMs: 10_000,
          absentForMs: 300,
          ...given.settings,
        },
        projects: {
          [PROJECT]: {
            image,
            stages: {
              [stage]: {
                port: 3000,
                healthcheck: { retries: 1, interval: '700ms', timeout: '2s' },
                drain: 0,
                maxInstances: 2,
                stopGrace: '1s',
                memory: '32m',
                ...given.stage,
              },
            },
          },
        },
      }),
    );
    undo.push(
      () => cleared(ground, deployer.storeId),
      () => deployer.close({ timeoutMs: 5_000 }),
    );
    if (given.watches) {
      const watch = await unwrap(deployer.watch());
      undo.push(() => watch.stop());
    }
    const listening = embedded && (await unwrap(embedded.listen({ host: '127.0.0.1', port: 0 })));
    const address = npm ? new URL(npm.frontDoor.http) : { hostname: '127.0.0.1', port: listening?.port ?? 0 };
    return {
      ground,
      deployer,
      trigger: strikes,
      stage,
      suffix,
      domain: `stage-${stage}-${PROJECT}.${suffix}`,
      frontDoor: { host: address.hostname, port: Number(address.port) },
      npm,
      wire,
      receiver,
      disk: folder,
      database,
      records: looking,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** What it has made at the engine goes, so that the next ones find room. */
async function cleared({ bench: { docker } }: Ground, storeId: string): Promise<void> {
  const label = [`dev.quayside.store=${storeId}`];
  for (const { Id } of await docker.listContainers({ all: true, filters: { label } }))
    await docker.getContainer(Id).remove({ force: true, v: true });
  for (const { Id } of await docker.listNetworks({ filters: { label } })) await docker.getNetwork(Id).remove();
}
