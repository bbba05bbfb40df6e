/**
 * A bed for tests of the whole deployer in memory: a world whose ports can fail, and the promises, checked against the engine and the
 * proxy and not against our own records alone. Only tests import it.
 */
import { ResultAsync } from 'neverthrow';
import { type AnyError, unwrap } from '../domain/errors.js';
import { isTerminal } from '../domain/records.js';
import { EVENT_STREAM, logStream, type StoredEvent, TERMINAL_EVENTS } from '../events/types.js';
import type { ContainerRuntime } from '../ports/container-runtime.js';
import type { Change, Store } from '../ports/store.js';
import {
  type Fault,
  type FaultPlan,
  type Faulty,
  type MemoryProxy,
  type MemoryWorld,
  memoryWorld,
  outage,
  runToEndOver,
  virtualClock,
  withFaults,
} from '../testing/index.js';
import { createDeployer } from './create.js';
import { loadAll } from './load-all.js';
import type { Deployer, DeployerOptions } from './types.js';

export const IMAGE = 'registry.test/shop';
export const DEFAULT = 'stage-dev-shop.apps.test';
export const DEV = { project: 'shop', stage: 'dev' } as const;
// A virtual clock does not wait for a file to be read.
await loadAll();

const FOREVER = { signal: new AbortController().signal };

/** A deployer over the world's ports, with one project of one stage. */
export async function deployerIn(world: MemoryWorld, options: Partial<DeployerOptions> = {}): Promise<Deployer> {
  const { engine: _engine, ...ports } = world;
  return unwrap(
    createDeployer({
      ...ports,
      settings: { domain: 'apps.test' },
      projects: { shop: { image: IMAGE, stages: { dev: { port: 3000, maxInstances: 2 } } } },
      ...options,
    } as DeployerOptions),
  );
}

/** Puts tags into the registry that differ from each other. */
export function push(world: MemoryWorld, ...tags: readonly string[]): void {
  for (const tag of tags)
    world.engine.push(`${IMAGE}:${tag}`, { body: tag, commands: () => ({ exitsAfterMs: 10, exitCode: 0 }) });
}

/** Deploys the tag on shop/dev, and lets what that leaves run out. */
export async function settled(world: MemoryWorld, deployer: Deployer, tag: string): Promise<void> {
  await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag })));
  await world.clock.advance(60_000);
}

export const FAULTY_PORTS = ['runtime', 'proxy', 'registry', 'probe', 'store'] as const;
export type FaultyPort = (typeof FAULTY_PORTS)[number];

export interface Strike {
  readonly port: FaultyPort;
  readonly method: string;
  /** Among the calls of the method since it was armed; the first is 1. */
  readonly call: number;
  readonly fault: Fault<never>;
}

export interface FaultyWorld {
  readonly world: MemoryWorld;
  readonly ports: Pick<DeployerOptions, FaultyPort>;
  /** From now on calls are counted, and the strike happens. */
  arm(strike: Strike | null): void;
  /** What was called since, and how often. */
  readonly calls: ReadonlyMap<string, number>;
  readonly hasStruck: boolean;
}

/**
 * A world for those who live through thousands of them: its clock goes on with the next turn of Node's event loop, which costs a fraction of
 * what works in any host. Where nothing is sealed, no promise takes longer.
 */
export const quickWorld = (seed = 1): MemoryWorld =>
  memoryWorld(
    seed,
    virtualClock(undefined, () => new Promise((resolve) => void setImmediate(resolve))),
  );

/** A world whose ports stand behind faults. */
export function faultyWorld(seed = 1): FaultyWorld {
  const world = quickWorld(seed);
  let strike: Strike | null = null;
  let isArmed = false;
  let hasStruck = false;
  const calls = new Map<string, number>();
  const wrap = <P extends object>(port: FaultyPort, real: P, error: unknown): P => {
    const plan: FaultPlan<P> = ({ method }) => {
      if (!isArmed) return undefined;
      const key = `${port}.${method}`;
      const count = (calls.get(key) ?? 0) + 1;
      calls.set(key, count);
      if (strike?.port !== port || strike.method !== method || strike.call !== count) return undefined;
      hasStruck = true;
      return strike.fault as never;
    };
    return (withFaults(real, { clock: world.clock, error: error as never, plan }) as Faulty<P>).port;
  };
  return {
    world,
    ports: {
      runtime: wrap('runtime', world.runtime, outage.runtime),
      proxy: wrap('proxy', world.proxy, outage.proxy),
      registry: wrap('registry', world.registry, outage.registry),
      probe: wrap('probe', world.probe, outage.probe),
      store: wrap('store', world.store, outage.store),
    },
    arm(next) {
      strike = next;
      isArmed = next !== null;
      hasStruck = false;
      calls.clear();
    },
    calls,
    get hasStruck() {
      return hasStruck;
    },
  };
}

/** Watches the default route from now on: every change at the engine or the proxy is followed by a look. The answer tells what was seen. */
export function watchTraffic(world: MemoryWorld, domain = DEFAULT): () => readonly string[] {
  const seen: string[] = [];
  const look = (after: string) => {
    const { status } = world.proxy.request(domain);
    if (status !== 200) seen.push(`${domain} answers ${status} after ${after}`);
  };
  const { engine, proxy } = world;
  const emit = engine.emit.bind(engine);
  engine.emit = (event) => {
    emit(event);
    look(`${event.name} ${event.type}`);
  };
  for (const method of ['put', 'remove'] as const) {
    const change = proxy[method].bind(proxy) as (...args: unknown[]) => ResultAsync<never, AnyError>;
    (proxy as unknown as Record<string, unknown>)[method] = (...args: unknown[]) => {
      const answer = change(...args);
      look(`${method} ${(args[0] as { domain: string }).domain}`);
      return answer;
    };
  }
  return () => seen;
}

/** Watches from now on that no route leads to a container that goes: one such host can keep a proxy from starting. */
export function watchRoutes(world: MemoryWorld): () => readonly string[] {
  const seen: string[] = [];
  const { engine, proxy } = world;
  const emit = engine.emit.bind(engine);
  engine.emit = (event) => {
    emit(event);
    // A container that runs one command for the deployment is none that a route leads to.
    if (event.type !== 'removed' || !event.name.endsWith(event.owner.deployment)) return;
    void proxy.list({ storeId: event.owner.storeId }, FOREVER).map((held) => {
      for (const { domain, targets } of held)
        if (targets.some(({ instance }) => instance === event.owner.deployment))
          seen.push(`${event.name} went while ${domain} led to it`);
    });
  };
  return () => seen;
}

/** Every promise that does not hold once everything has settled. */
export async function brokenPromises(world: Pick<MemoryWorld, 'engine' | 'proxy' | 'store'>): Promise<string[]> {
  const store: Store = world.store.connect();
  const broken: string[] = [];
  const storeId = await unwrap(store.storeId(FOREVER));
  const all = async <C extends Parameters<Store['list']>[0]>(collection: C) =>
    (await unwrap(store.list(collection, {}, FOREVER))).map(({ value }) => value);
  const instances = await all('instances');
  const stages = await all('stages');
  const routes = await all('routes');

  for (const container of world.engine.containers.values()) {
    if (container.spec.owner.storeId !== storeId) continue;
    const instance = instances.find(({ id }) => id === container.spec.owner.deployment);
    if (!instance) broken.push(`orphan container ${container.spec.name} (${container.state})`);
    else if (instance.state !== 'running') broken.push(`instance ${instance.id} is ${instance.state}`);
  }
  const runs = (id: string | null) =>
    [...world.engine.containers.values()].some((c) => c.spec.owner.deployment === id && c.state === 'running');
  for (const { id } of instances) if (!runs(id)) broken.push(`instance ${id} has no running container`);
  for (const held of await unwrap(world.proxy.list({ storeId }, FOREVER))) {
    const record = routes.find(({ id }) => id === held.domain);
    if (record?.state !== 'live') broken.push(`route ${held.domain} is ${record?.state ?? 'without a record'}`);
    for (const { instance } of held.targets)
      if (!runs(instance)) broken.push(`route ${held.domain} points to ${instance}, which does not run`);
  }
  for (const { id, instance, state, stageKey, owner } of routes) {
    const answer = world.proxy.request(id);
    const isHeld = owner.kind !== 'tagged' && stages.some((stage) => stage.id === stageKey && stage.maintenance);
    if (state === 'live' && isHeld) {
      if (answer.status !== 503 || answer.instance !== null)
        broken.push(`${id} is in maintenance, and answers ${answer.status} by ${answer.instance}`);
      if (!runs(instance)) broken.push(`${id} is held for ${instance}, which does not run`);
    } else if (state !== 'live') broken.push(`route record ${id} is ${state}`);
    else if (answer.status !== 200 || answer.instance !== instance)
      broken.push(`${id} should be served by ${instance}, and is by ${answer.instance} with ${answer.status}`);
  }
  for (const stage of stages) {
    if (stage.current === null) continue;
    const own = routes.filter(({ stageKey, owner }) => stageKey === stage.id && owner.kind === 'default');
    if (own.some(({ instance }) => instance !== stage.current)) broken.push(`${stage.id}: default is not the current`);
    if (!instances.some(({ id }) => id === stage.current)) broken.push(`${stage.id}: its current one is gone`);
  }
  broken.push(...(await brokenHistory(store)));
  for (const collection of ['journals', 'tasks', 'cancels'] as const)
    for (const record of await all(collection)) broken.push(`left in ${collection}: ${JSON.stringify(record)}`);
  return broken;
}

/** Of a stage's deployments so many keep their log, where nothing else is configured. */
const LOGS_KEPT = 50;

/** Exactly one terminal status and event per accepted deployment, its log without gaps or doubles, its steps ended. */
async function brokenHistory(store: Store): Promise<string[]> {
  const broken: string[] = [];
  const events = (await unwrap(store.read(EVENT_STREAM, { after: 0 }, FOREVER))).map(
    ({ value }) => value as unknown as StoredEvent,
  );
  const ids = events.map(({ id }) => id);
  if (new Set(ids).size < ids.length) broken.push('an event is in the stream twice');
  const deployments = await unwrap(store.list('deployments', {}, FOREVER));
  for (const { value } of deployments) {
    const own = events.filter((event) => 'deployment' in event.payload && event.payload.deployment.id === value.id);
    const ends = own.filter(({ type }) => (TERMINAL_EVENTS as readonly string[]).includes(type));
    if (!isTerminal(value.status)) broken.push(`deployment ${value.tag} ${value.id} is ${value.status}`);
    else if (ends.length !== 1 || ends[0]?.type !== `deployment.${value.status}`)
      broken.push(`${value.tag} ${value.id} is ${value.status}, its terminal events: ${ends.map((e) => e.type)}`);
    if (own.filter(({ type }) => type === 'deployment.queued').length !== 1) broken.push(`${value.id} not queued once`);
    if (value.cleanup === 'pending') broken.push(`cleanup of ${value.tag} ${value.id} is pending: ${value.left}`);
    for (const { name, status } of value.steps)
      if (status === 'running' && value.status === 'succeeded') broken.push(`step ${name} of ${value.id} still runs`);
    const log = await unwrap(store.read(logStream(value.id), { after: 0 }, FOREVER));
    const newer = deployments.filter((each) => each.value.stageKey === value.stageKey && each.value.id > value.id);
    if (isTerminal(value.status) && log.length === 0 && newer.length < LOGS_KEPT)
      broken.push(`${value.id} has ended without a word in its log`);
    const texts = log.map(({ value: entry }) => JSON.stringify(entry));
    const doubled = texts.filter((text, index) => texts.indexOf(text) !== index && !text.includes('Attempt'));
    if (doubled.length > 0) broken.push(`logged twice: ${doubled.join()}`);
  }
  return broken;
}

/**
 * A store whose host dies at its n-th commit: before it, or right after it was applied. From then on nothing that this host calls is
 * ever done or answered: hand its other ports through `mortal`, too.
 */
export function mortalWorld(world: MemoryWorld, dieAt: { readonly commit: number; readonly when: 'before' | 'after' }) {
  let commits = 0;
  let isDead = false;
  let isArmed = false;
  let onDeath = () => {};
  const death = new Promise<void>((resolve) => {
    onDeath = resolve;
  });
  const never = () => new ResultAsync<never, never>(new Promise(() => {}));
  const mortal = <P extends object>(port: P): P =>
    new Proxy(port, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (isDead) return property === 'subscribe' ? () => {} : never();
          const isDeath = isArmed && property === 'commit' && ++commits === dieAt.commit;
          if (!isDeath) return Reflect.apply(value, target, args);
          if (dieAt.when === 'after') void Reflect.apply(value, target, args);
          kill();
          return never();
        };
      },
    });
  const kill = () => {
    isDead = true;
    onDeath();
  };
  // What it is at when it dies is not gone on with.
  const value = runToEndOver(world.engine, mortal(world.runtime));
  const runToEnd = { value, configurable: true, writable: true };
  const dying = mortal<ContainerRuntime>(Object.create(world.runtime, { runToEnd }));
  // Its timers die with it.
  const timers = new Set<() => void>();
  const clock: MemoryWorld['clock'] = Object.create(world.clock, {
    pending: { get: () => world.clock.pending },
    after: {
      value: (ms: number, callback: () => void, isAwaited?: boolean) => {
        if (isDead) return () => {};
        const fire = () => {
          timers.delete(cancel);
          if (!isDead) callback();
        };
        const cancel = world.clock.after(ms, fire, isAwaited);
        timers.add(cancel);
        return () => {
          timers.delete(cancel);
          cancel();
        };
      },
    },
  });
  return {
    ports: {
      clock,
      runtime: dying,
      proxy: mortal(world.proxy as MemoryProxy),
      registry: mortal(world.registry),
      probe: mortal(world.probe),
      store: mortal(world.store),
    },
    arm() {
      isArmed = true;
      commits = 0;
    },
    get isDead() {
      return isDead;
    },
    /** Settled when it dies. */
    death,
    /** It dies now, wherever it is. */
    kill,
    /** Takes its timers off the clock, as the end of a process does. */
    bury() {
      for (const cancel of timers) cancel();
      timers.clear();
    },
  };
}

/** Everything that a store holds, as text: what must not be in there is looked for here. */
export async function everythingIn(store: Store, ...deployments: readonly string[]): Promise<string> {
  const { COLLECTION_INDEXES } = await import('../domain/records.js');
  const parts: unknown[] = [];
  for (const name of Object.keys(COLLECTION_INDEXES) as (keyof typeof COLLECTION_INDEXES)[])
    parts.push(await unwrap(store.list(name, {}, FOREVER)));
  for (const stream of [EVENT_STREAM, ...deployments.map(logStream)])
    parts.push(await unwrap(store.read(stream, { after: 0 }, FOREVER)));
  return JSON.stringify(parts);
}

export type { Change };
