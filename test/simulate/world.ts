/** The world of one run: engines with their networks and proxies, a registry, stores, and the hosts that share them. */
import {
  type AppBehaviour,
  type Clock,
  createDeployer,
  type Deployer,
  type DeployerOptions,
  type MemoryEngine,
  type MemoryNotifier,
  type MemoryProxy,
  type MemoryStore,
  memoryEngine,
  memoryNotifier,
  memoryProbe,
  memoryProxy,
  memoryRegistry,
  memoryRuntime,
  memorySealer,
  memoryStore,
  seededIds,
  type VirtualClock,
  virtualClock,
} from './core.js';
import { type Dice, dice } from './dice.js';
import { Life, type Surroundings, type Trap } from './life.js';
import { type Marks, marking } from './plugin.js';
import { Referee } from './referee.js';
import {
  type Component,
  type Fault,
  GOOD_TAG,
  type HostPlan,
  type Item,
  type Script,
  type StagePlan,
} from './script.js';
import { moveIn, type Stranger } from './strangers.js';
import { type Trace, trace } from './trace.js';

/** What every secret of the simulation has in it, and nothing else. */
export const SECRET = 'hush~';
const REPOSITORY = 'registry.test';

export interface SimulatedEngine {
  readonly number: number;
  readonly engine: MemoryEngine;
  readonly proxy: MemoryProxy;
  readonly identity: string;
  readonly proxyIdentity: string;
}

export interface Count {
  faults: number;
  kills: number;
}

/** Everything that is given to a run beside its script. */
export interface Given {
  readonly isRead?: boolean;
  /** Items and faults by name that are left out. */
  readonly without?: ReadonlySet<string>;
}

/** So many worlds have hosts with a plugin. */
const PLUGIN_CHANCE = 0.3;

const tick = () => new Promise<void>((resolve) => process.nextTick(resolve));

export class SimulatedWorld implements Surroundings {
  readonly script: Script;
  readonly clock: VirtualClock;
  readonly dice: Dice;
  readonly trace: Trace;
  readonly engines: readonly SimulatedEngine[];
  readonly stores: readonly MemoryStore[];
  readonly notifier: MemoryNotifier = memoryNotifier('receiver');
  readonly overhearing: Referee;
  readonly count: Count = { faults: 0, kills: 0 };
  /** Faults that have struck, by name: what a shorter run can do without. */
  readonly struck = new Set<string>();
  readonly broken: string[] = [];
  readonly deaths: ((life: Life) => void)[] = [];
  readonly strangers: Stranger[] = [];
  /** Null: its hosts have no plugin. */
  readonly marks: Marks | null;
  isCalm = false;
  version = 0;
  readonly #cuts = new Set<string>();
  readonly #traps = new Map<string, Trap>();
  readonly #without: ReadonlySet<string>;

  constructor(script: Script, { isRead = false, without = new Set() }: Given = {}) {
    this.script = script;
    this.dice = dice(script.seed);
    this.marks = this.dice.has('plugin', PLUGIN_CHANCE) ? marking(script.seed, () => this.isCalm) : null;
    this.#without = without;
    this.clock = virtualClock(undefined, tick);
    this.trace = trace(() => this.clock.monotonicMs(), isRead);
    this.engines = Array.from({ length: script.engines }, (_, number) => this.#engine(number));
    this.stores = Array.from({ length: script.stores }, (_, number) => memoryStore({ storeId: storeIdOf(number) }));
    this.overhearing = new Referee({
      nowMs: () => this.clock.monotonicMs(),
      engines: this.engines,
      storeIds: this.stores.map((_, number) => storeIdOf(number)),
      hasNoGap: (stageKey, store) => this.#hasNoGap(stageKey, store),
      report: (what) => this.report(what),
    });
    for (const item of this.items) this.#setTrap(item);
    if (script.hasStrangers) this.strangers.push(...this.engines.flatMap((each) => moveIn(each, storeIdOf(0))));
  }

  get items(): readonly Item[] {
    return this.script.items.filter(({ id }) => !this.#without.has(id));
  }

  #engine(number: number): SimulatedEngine {
    const identity = `engine-${number}`;
    const proxyIdentity = `proxy-${number}`;
    const engine = memoryEngine(this.clock, { identity, node: `node-${number}`, reusesAddresses: true });
    const { writes = 'parallel', acceptsUnready = true, weights = false } = this.script.proxies[number] ?? {};
    const capabilities = { acceptsUnready, weights, sticky: weights };
    const proxy = memoryProxy(engine, { identity: proxyIdentity, writes, capabilities });
    for (const project of new Set(this.script.stages.map((stage) => stage.project))) {
      for (const [tag, behaviour] of Object.entries(this.script.tags))
        if (behaviour) engine.push(`${REPOSITORY}/${project}:${tag}`, this.#talkative(tag, behaviour));
      engine.push(`${REPOSITORY}/${project}:${GOOD_TAG}`, this.#talkative(GOOD_TAG, {}));
    }
    return { number, engine, proxy, identity, proxyIdentity };
  }

  /** An app that tells its log what nobody should read, as apps do. */
  #talkative(tag: string, behaviour: AppBehaviour): AppBehaviour {
    return { body: tag, ...behaviour, lines: [`${tag} starts with token ${this.secret}`] };
  }

  get secret(): string {
    return `${SECRET}${this.script.seed}`;
  }

  #setTrap(item: Item): void {
    if (item.kind !== 'kill' && item.kind !== 'stall') return;
    const { id, of, when } = item;
    const trap: Trap = item.kind === 'kill' ? { id, when, kind: 'kill' } : { id, when, kind: 'stall', ms: item.ms };
    this.#traps.set(`${item.host}.${item.life} ${of} ${item.call}`, trap);
  }

  report(what: string): void {
    this.trace.say('REFEREE', () => what);
    this.broken.push(what);
  }

  // What a life asks of its surroundings

  trap(life: Life, of: 'calls' | 'effects', number: number): Trap | undefined {
    if (this.isCalm || this.#traps.size === 0) return undefined;
    const key = `${life.name} ${of} ${number}`;
    const trap = this.#traps.get(key);
    if (trap) this.#traps.delete(key);
    return trap;
  }

  spares(fault: string, _kind: Fault): boolean {
    if (this.#without.has(fault)) return true;
    this.count.faults += 1;
    this.struck.add(fault);
    return false;
  }

  isCut(host: HostPlan, component: Component): boolean {
    if (this.#cuts.size === 0) return false;
    const number = component === 'store' ? host.store : host.engine;
    return this.#cuts.has(`${host.name} ${component}`) || this.#cuts.has(`${component} ${number}`);
  }

  died(life: Life): void {
    this.count.kills += 1;
    for (const each of this.deaths) each(life);
  }

  /** Cuts a host off, or takes a component away from everybody, for a while. */
  cut(who: string, ms: number): void {
    this.count.faults += 1;
    this.trace.say('world', () => `${who}: nothing gets through for ${ms} ms`);
    this.#cuts.add(who);
    this.clock.after(ms, () => {
      this.#cuts.delete(who);
      this.trace.say('world', () => `${who}: it gets through again`);
    });
  }

  lie(number: number, ms: number): void {
    this.count.faults += 1;
    this.trace.say('world', () => `proxy-${number} applies nothing for ${ms} ms`);
    this.#lies(number, true);
    this.clock.after(ms, () => this.#lies(number, false));
  }

  #lies(number: number, on: boolean): void {
    this.engines[number]?.proxy.lie(on);
    this.overhearing.lies(number, on);
  }

  /** Ends all that goes wrong: from here on what was begun has to come to its end. */
  calm(): void {
    this.trace.say('world', () => 'the dust settles');
    this.isCalm = true;
    this.#cuts.clear();
    this.#traps.clear();
    for (const { number } of this.engines) this.#lies(number, false);
  }

  // Hosts

  life(plan: HostPlan, number: number): Life {
    return new Life(this, plan, number);
  }

  /** A deployer over the world as this life sees it: the one that is shipped, over its ports. */
  deployer(life: Life) {
    const { plan } = life;
    const { engine, proxy } = this.engines[plan.engine] as SimulatedEngine;
    const store = (this.stores[plan.store] as MemoryStore).connect();
    return createDeployer({
      runtime: life.port('engine', memoryRuntime(engine)),
      proxy: life.port('proxy', proxy),
      store: life.port('store', store),
      probe: life.port('probe', memoryProbe(engine)),
      registry: life.port('registry', memoryRegistry(engine)),
      ...(plan.notifies ? { notifiers: [life.port('receiver', this.notifier)] } : {}),
      clock: life.clock as Clock,
      ids: seededIds(this.dice.bits(life.name)),
      ...(plan.hasKey ? { sealer: memorySealer() } : {}),
      settings: { domain: 'apps.test', ...this.script.timing },
      projects: (name: string) => this.#project(plan, name),
      ...(this.marks ? { plugins: [this.marks.plugin(life)] } : {}),
      recover: plan.recovers,
      ...(plan.group === null ? {} : { worker: { group: plan.group } }),
    } as unknown as DeployerOptions) as unknown as ReturnType<typeof createDeployer> & PromiseLike<{ value: Deployer }>;
  }

  #project(plan: HostPlan, name: string) {
    const own = this.script.stages.filter(({ project, store }) => project === name && store === plan.store);
    if (own.length === 0) return undefined;
    return {
      image: `${REPOSITORY}/${name}`,
      env: { TOKEN: this.secret },
      drain: 200,
      drainTimeout: 1_000,
      stopGrace: 500,
      proveTimeout: 1_000,
      healthcheck: { interval: 300, retries: 1, timeout: 500, settleMs: 200 },
      stages: Object.fromEntries(own.map((stage) => [stage.stage, this.optionsOf(stage)])),
    };
  }

  /** By the configuration's version now. */
  optionsOf({ options }: StagePlan): StagePlan['options'][number] {
    return options[Math.min(this.version, options.length - 1)] ?? {};
  }

  #hasNoGap(stageKey: string, number: number): boolean {
    const plan = this.script.stages.find(
      ({ project, stage, store }) => store === number && JSON.stringify([project, stage]) === stageKey,
    );
    return plan?.options.every(({ replace }) => replace !== 'stop-first') ?? false;
  }
}

export const storeIdOf = (number: number): string => `store0000${String(number).padStart(3, '0')}`;
