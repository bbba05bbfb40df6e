/** Interrupts deployments, lets a fresh host recover them, and does the engine's part of that once more by bare calls. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDeployer, type Deployer, type RecoveryReport, unwrap } from '../../packages/core/src/index.js';
import type { Store } from '../../packages/core/src/ports/store.js';
import { systemClock } from '../../packages/core/src/system.js';
import { embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { sqliteStore } from '../../packages/sql-adapter/src/index.js';
import { bundled } from '../../test/support/bundle.js';
import { startNode } from '../../test/support/child.js';
import { openWorkbench, type Workbench } from '../../test/support/engine.js';
import { pushApp } from '../../test/support/images.js';
import { inParallel } from '../../test/support/parallel.js';
import { seededRandom } from '../../test/support/random.js';
import { startRegistry } from '../../test/support/registry.js';
import { hostOptions, type Orders, type Place, PROJECT } from './interrupted-host.js';

export interface Recovery {
  readonly interrupted: number;
  readonly report: RecoveryReport;
  readonly oursMs: number;
  readonly rawMs: number;
  /** What was made and what became of it, for people. */
  readonly lines: readonly string[];
  /** Of the interrupted ones, what should be there and is not, or the other way round. */
  readonly wrong: readonly string[];
}

/**
 * Short leases, which nobody wants to wait for here. What is measured begins when they have run out, so that the wait beyond the expiry,
 * `effectTimeoutMs` and its margin, is in it.
 */
const SETTINGS = { ttlMs: 6_000, renewMs: 1_000, effectTimeoutMs: 4_000, absentForMs: 500 };
/** How long beyond the expiry whoever takes over waits before a change: a second of margin is the core's. */
const QUIET_MS = SETTINGS.effectTimeoutMs + 1_000;
/** Stages that one host works on when it is killed, and hosts at a time. */
const STAGES_PER_HOST = 10;
const STEPS_PER_STAGE = 8;
/** One stage in so many has an instance that serves already. */
const REPLACING = 4;
/** Removals at once: as many as the recovery has under way. Fewer are no faster. */
const AT_ONCE = 16;
const HOST_LIMIT_MS = 120_000;
/** The label that tells whose a container is. */
const DEPLOYMENT = 'dev.quayside.deployment';

export async function measureRecovery(given: {
  readonly deployments: number;
  readonly seed: number;
}): Promise<Recovery> {
  const bench = openWorkbench('recover');
  const registry = await startRegistry();
  const folder = await mkdtemp(join(tmpdir(), 'quayside-recover-'));
  const place: Place = {
    database: join(folder, 'quayside.db'),
    socketPath: bench.socketPath,
    network: `${bench.prefix}-net`,
    image: `${registry.host}/app`,
    settings: SETTINGS,
  };
  const store = unwrap(sqliteStore({ path: place.database }));
  const proxy = unwrap(embeddedProxy());
  try {
    await bench.docker.createNetwork({ Name: place.network, CheckDuplicate: true });
    for (const version of ['v1', 'v2']) await pushApp(bench, `${place.image}:${version}`, { version }, { keep: true });
    // Somebody serves, as `quayside serve` would: it outlives the hosts.
    proxy.attach?.(store, systemClock());
    await unwrap(proxy.listen({ host: '127.0.0.1', port: 0 }));
    const replacing = await prepare(place, Math.ceil(given.deployments / REPLACING));
    const interrupted = await interrupt(place, folder, store, replacing, given);
    const left = (await containersOf(bench)).filter(({ Labels }) => interrupted.includes(Labels[DEPLOYMENT] ?? ''));
    const running = left.filter(({ State }) => State === 'running').length;
    const states: States = { created: left.length - running, running };

    // Half of it before and half of it after: what else the machine is at is then the same for both, as far as it can be.
    const beforeMs = await bare(bench, place, half(states, Math.floor));
    const { report, oursMs } = await recover(place);
    const rawMs = beforeMs + (await bare(bench, place, half(states, Math.ceil)));
    const wrong = await whatIsWrong(store, interrupted, await containersOf(bench), report);
    const lines = [
      `${interrupted.length} deployments were interrupted, ${replacing.length} of their stages served already`,
      `left of them: ${states.created} containers that were created, ${states.running} that ran`,
      `recovered in ${oursMs.toFixed(0)} ms, ${QUIET_MS} of which a change has to wait for; the bare removals, ${AT_ONCE} at once, took ${rawMs.toFixed(0)} ms`,
    ];
    return { interrupted: interrupted.length, report, oursMs, rawMs, lines, wrong };
  } finally {
    await proxy.close?.();
    await store.close();
    await bench.cleanUp();
    await registry.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const FOREVER = { signal: new AbortController().signal };
const containersOf = (bench: Workbench) =>
  bench.docker.listContainers({ all: true, filters: { label: [`quayside.test=${bench.prefix}`] } });

/** Stages with v1 on them. */
async function prepare(place: Place, count: number): Promise<string[]> {
  const deployer = await unwrap(createDeployer(hostOptions(place)));
  const stages = Array.from({ length: count }, (_, index) => `serving-${index + 1}`);
  await inParallel(stages, 4, (stage) => unwrap(deployer.deploy({ project: PROJECT, stage, tag: 'v1' })));
  await deployer.close();
  return stages;
}

/** Kills hosts until so many deployments are interrupted. Answers their ids. */
async function interrupt(
  place: Place,
  folder: string,
  store: Store,
  replacing: readonly string[],
  { deployments, seed }: { readonly deployments: number; readonly seed: number },
): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const script = await bundled(new URL('./interrupted-host.ts', import.meta.url));
  const waiting = [...replacing];
  let stages = 0;
  for (;;) {
    const ids = await running(store);
    const missing = deployments - ids.length;
    if (missing <= 0) return ids;
    // The last ones are killed at their first steps, so that none of them ends and it comes out even.
    const isLast = missing <= STAGES_PER_HOST;
    const names = Array.from({ length: Math.min(missing, STAGES_PER_HOST) }, () => {
      stages += 1;
      return (stages % REPLACING === 0 ? waiting.pop() : undefined) ?? `first-${stages}`;
    });
    const most = names.length * (isLast ? 2 : STEPS_PER_STAGE);
    const orders: Orders = { place, stages: names, tag: 'v2', dieAtStep: 1 + Math.floor(random() * most) };
    const file = join(folder, `host-${stages}.json`);
    await writeFile(file, JSON.stringify(orders));
    const child = startNode(['--enable-source-maps', script, file], HOST_LIMIT_MS);
    const how = await child.ended;
    if (how !== 'SIGKILL' && how !== 0) throw new Error(`A host has ended with ${how}: ${child.errors()}`);
  }
}

async function running(store: Store): Promise<string[]> {
  const found: string[] = [];
  for (const status of ['running', 'rolling-back'] as const)
    found.push(
      ...(await unwrap(store.list('deployments', { where: { status } }, FOREVER))).map(({ value }) => value.id),
    );
  return found;
}

/** Timed from when the first lease can be taken over: when it has been looked at for as long as it lives. */
async function recover(place: Place): Promise<{ readonly report: RecoveryReport; readonly oursMs: number }> {
  const options = hostOptions(place);
  let firstLookMs = Number.NaN;
  const { store } = options;
  const looked = (collection: string) => {
    if (collection === 'leases' && Number.isNaN(firstLookMs)) firstLookMs = performance.now();
  };
  const get: Store['get'] = (collection, id, call) => {
    looked(collection);
    return store.get(collection, id, call);
  };
  const list: Store['list'] = (collection, query, call) => {
    looked(collection);
    return store.list(collection, query, call);
  };
  const looking: Store = new Proxy(store, {
    get: (target, key) => {
      if (key === 'get') return get;
      if (key === 'list') return list;
      const value = Reflect.get(target, key) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const deployer: Deployer = await unwrap(createDeployer({ ...options, store: looking }));
  const report = await unwrap(deployer.recover());
  const endMs = performance.now();
  await deployer.close();
  return { report, oursMs: endMs - (firstLookMs + SETTINGS.ttlMs) };
}

/** The engine has what the store says that serves, running, and nothing else; and each of the interrupted has its end. */
async function whatIsWrong(
  store: Store,
  interrupted: readonly string[],
  containers: Awaited<ReturnType<typeof containersOf>>,
  report: RecoveryReport,
): Promise<string[]> {
  const wrong: string[] = [];
  const instances = (await unwrap(store.list('instances', { limit: 1_000 }, FOREVER))).map(({ value }) => value);
  const isOf = (id: string) => (container: (typeof containers)[number]) => container.Labels[DEPLOYMENT] === id;
  for (const container of containers)
    if (!instances.some(({ id }) => isOf(id)(container)))
      wrong.push(`${container.Names[0]} is left (${container.State})`);
  for (const { id, state } of instances)
    if (state !== 'running' || containers.find(isOf(id))?.State !== 'running')
      wrong.push(`instance ${id} is ${state}, and its container ${containers.find(isOf(id))?.State ?? 'gone'}`);
  for (const id of interrupted) {
    const record = await unwrap(store.get('deployments', id, FOREVER));
    const { status, cleanup } = record?.value ?? { status: 'gone', cleanup: 'none' };
    if (status !== 'failed' || cleanup === 'pending') wrong.push(`${id} is ${status}, its cleanup ${cleanup}`);
    if (!report.settled.some(({ deployment }) => deployment === id)) wrong.push(`${id} is not in the report`);
  }
  return wrong;
}

interface States {
  readonly created: number;
  readonly running: number;
}

const half = ({ created, running }: States, round: (count: number) => number): States => ({
  created: round(created / 2),
  running: round(running / 2),
});

/** As many containers in the same states, removed by bare calls. */
async function bare(bench: Workbench, { image, network }: Place, { created, running }: States): Promise<number> {
  const { docker, prefix } = bench;
  const all = await inParallel(
    Array.from({ length: created + running }, (_, index) => index),
    4,
    async (index) => {
      const container = await docker.createContainer({
        name: `${prefix}-bare-${index}`,
        Image: `${image}:v2`,
        HostConfig: {
          NetworkMode: network,
          RestartPolicy: { Name: 'unless-stopped' },
          Init: true,
          LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
        },
      });
      if (index < running) await container.start();
      return container;
    },
  );
  const startMs = performance.now();
  await inParallel(all, AT_ONCE, (container) => container.remove({ force: true, v: true }));
  return performance.now() - startMs;
}
