/**
 * Plays a script: starts the hosts, lets everything happen that is written there, lets the dust settle, and says which promises are
 * broken. The same script is the same run, bit for bit.
 */
import type { AnyError, Deployer } from './core.js';
import { stageKey } from './core.js';
import type { Life } from './life.js';
import { brokenPromises } from './promises.js';
import { GOOD_TAG, type HostPlan, type Item, type Request, type Script } from './script.js';
import { type Given, SECRET, SimulatedWorld } from './world.js';

export interface Played {
  readonly broken: readonly string[];
  readonly faults: number;
  readonly kills: number;
  /** The same for the same run. */
  readonly hash: string;
  readonly lines: readonly string[];
  /** Everything by name that a shorter run might do without. */
  readonly parts: readonly string[];
}

type Answer = { isOk(): boolean; isErr(): boolean; value?: unknown; error?: AnyError };

/** Of what was asked where nobody was. */
const NOBODY: Answer = { isOk: () => false, isErr: () => true };

/** How long, in virtual time, what was asked for may take once nothing goes wrong any more. */
const SETTLE_LIMIT_MS = 600_000;
/** Drains, first retries and take-overs that are still to come when everything was answered: looked for in such steps. */
const QUIET_MS = 2_000;

/** How long what is put off may take at most. */
const PATIENCE_MS = 3 * 3_600_000;

/** A store may take its time to bring its schema up to date, so opening has no bound: whoever started the process has one. */
const START_LIMIT_MS = 20_000;

interface Asked {
  readonly id: string;
  readonly request: Request;
  readonly life: Life;
  readonly hangUp: AbortController;
  answer: Answer | undefined;
}

/** One host over its lives. */
class Host {
  readonly plan: HostPlan;
  life: Life;
  deployer: Deployer | undefined;
  /** Resolves with the deployer of this life, or undefined where it never came to be. */
  ready: Promise<Deployer | undefined>;
  isClosed = false;
  readonly #world: SimulatedWorld;

  constructor(world: SimulatedWorld, plan: HostPlan) {
    this.#world = world;
    this.plan = plan;
    this.life = world.life(plan, 1);
    this.ready = this.#start();
  }

  again(): void {
    this.life = this.#world.life(this.plan, this.life.number + 1);
    this.isClosed = false;
    this.ready = this.#start();
  }

  async #start(): Promise<Deployer | undefined> {
    const { life } = this;
    this.deployer = undefined;
    this.#world.trace.say(life.name, () => 'starts');
    this.#world.clock.after(START_LIMIT_MS, () => {
      if (!this.deployer && this.life === life && !this.isClosed) life.die('it did not come up in time');
    });
    for (;;) {
      const made = await this.#world.deployer(life);
      if (life !== this.life) return undefined;
      if (made.isOk()) {
        this.deployer = made.value as unknown as Deployer;
        return this.deployer;
      }
      if (this.plan.kind === 'command') {
        this.isClosed = true;
        return undefined;
      }
      // As a process manager does it.
      await new Promise<void>((resolve) => life.clock.after(1_000, resolve));
    }
  }
}

export async function play(script: Script, given: Given = {}): Promise<Played> {
  const world = new SimulatedWorld(script, given);
  const stage = new Stage(world);
  try {
    await stage.play();
  } catch (thrown) {
    world.report(`stuck: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : thrown}`);
  }
  return {
    broken: world.broken,
    faults: world.count.faults,
    kills: world.count.kills,
    hash: world.trace.hash,
    lines: world.trace.lines,
    parts: [...world.items.map(({ id }) => id), ...world.struck],
  };
}

class Stage {
  readonly #world: SimulatedWorld;
  readonly #hosts = new Map<string, Host>();
  readonly #asked: Asked[] = [];
  readonly #followed: Promise<unknown>[] = [];

  constructor(world: SimulatedWorld) {
    this.#world = world;
    world.deaths.push((life) => this.#died(life));
  }

  async play(): Promise<void> {
    const { clock, script, items } = this.#world;
    for (const plan of script.hosts)
      if (plan.kind === 'service') this.#hosts.set(plan.name, new Host(this.#world, plan));
    let endMs = 0;
    for (const item of items) endMs = Math.max(endMs, this.#plan(item));
    await clock.advance(endMs);
    await this.#answered(script.timing.ttlMs * 6);
    this.#world.calm();
    await this.#settle();
    await this.#judge();
  }

  /** @returns when it is over, as far as that is known */
  #plan(item: Item): number {
    const world = this.#world;
    const at = (atMs: number, work: () => void): void => void world.clock.after(atMs, work);
    switch (item.kind) {
      case 'request':
        at(item.atMs, () => void this.#ask(item.id, item.host, item.request));
        return item.atMs;
      case 'hang-up':
        // From the asking on, which may be later than it was meant.
        return 0;
      case 'kill-at':
        at(item.atMs, () => this.#hosts.get(item.host)?.life.die(item.id));
        return item.atMs;
      case 'partition':
        at(item.atMs, () => world.cut(`${item.host} ${item.from}`, item.ms));
        return item.atMs + item.ms;
      case 'outage':
        at(item.atMs, () => world.cut(`${item.of} ${item.number}`, item.ms));
        return item.atMs + item.ms;
      case 'lie':
        at(item.atMs, () => world.lie(item.proxy, item.ms));
        return item.atMs + item.ms;
      case 'wall-clock':
        at(item.atMs, () => this.#hosts.get(item.host)?.life.jumpClock(item.ms));
        return item.atMs;
      case 'configure':
        at(item.atMs, () => {
          world.version += 1;
        });
        return item.atMs;
      case 'kill':
      case 'stall':
        return 0;
      default:
        return item satisfies never;
    }
  }

  #died(life: Life): void {
    const host = this.#hosts.get(life.plan.name);
    if (host?.life !== life || life.plan.kind !== 'service') return;
    this.#world.clock.after(life.plan.restartAfterMs, () => {
      if (host.life === life) host.again();
    });
  }

  async #ask(id: string, name: string, request: Request): Promise<void> {
    const world = this.#world;
    const plan = world.script.hosts.find((each) => each.name === name);
    if (!plan) return;
    let host = this.#hosts.get(name);
    if (!host) {
      host = new Host(world, plan);
      this.#hosts.set(name, host);
    } else if (plan.kind === 'command' && (host.life.isDead || host.isClosed)) host.again();
    const { life } = host;
    const asked: Asked = { id, request, life, hangUp: new AbortController(), answer: undefined };
    this.#asked.push(asked);
    const deployer = await host.ready;
    if (!deployer || life.isDead || host.isClosed) {
      asked.answer = NOBODY;
      return;
    }
    const hangUp = world.items.find((item) => item.kind === 'hang-up' && item.of === id);
    if (hangUp?.kind === 'hang-up') world.clock.after(hangUp.afterMs, () => this.#hangUp(asked));
    world.trace.say(life.name, () => `is asked: ${JSON.stringify(request)} (${id})`);
    if (request.kind === 'close') {
      await this.#close(host, request.running);
      asked.answer = NOBODY;
      return;
    }
    const answer = await this.#act(deployer, asked);
    if (life.isDead) return;
    asked.answer = answer;
    world.trace.say(life.name, () => `answers ${id}: ${said(answer)}`);
    this.#listen(answer, `the answer of ${id}`);
    if (plan.kind === 'command') await this.#close(host, 'finish');
  }

  #hangUp({ hangUp, life, answer, id }: Asked): void {
    if (life.isDead || answer) return;
    this.#world.count.faults += 1;
    this.#world.trace.say(life.name, () => `hangs up on ${id}`);
    hangUp.abort(new Error('hung up'));
  }

  async #act(deployer: Deployer, { request, hangUp }: Asked): Promise<Answer> {
    const { signal } = hangUp;
    const { stages } = this.#world.script;
    const plan = 'stage' in request ? stages[request.stage] : undefined;
    if (!plan || request.kind === 'close') throw new TypeError(`no such stage: ${JSON.stringify(request)}`);
    const where = { project: plan.project, stage: plan.stage };
    const key = stageKey(plan.project, plan.stage);
    switch (request.kind) {
      case 'deploy': {
        const wanted = { ...where, tag: request.tag, force: request.force };
        if (request.waits) return deployer.deploy(wanted, { signal });
        const handle = await deployer.submit(wanted, { signal });
        return handle.isOk() ? handle.value.result : handle;
      }
      case 'rollBack':
        return deployer.rollBack({ ...where, ...(request.to === null ? {} : { to: request.to }) }, { signal });
      case 'removeStage':
        this.#world.overhearing.removing.add(key);
        return deployer.remove(where, { signal });
      case 'removeInstance': {
        const known = [...(this.#world.overhearing.mirrors[plan.store]?.instances.values() ?? [])];
        const own = known.filter((instance) => instance.stageKey === key);
        const chosen = own[request.which % Math.max(1, own.length)];
        return chosen
          ? deployer.remove({ instance: chosen.id }, { signal })
          : deployer.plan({ ...where, tag: GOOD_TAG });
      }
      case 'plan':
        return deployer.plan({ ...where, tag: request.tag }, { signal });
      case 'follow': {
        const own = [...(this.#world.overhearing.mirrors[plan.store]?.deployments.values() ?? [])];
        const newest = own.filter((deployment) => deployment.stageKey === key).at(-1);
        if (newest) this.#followed.push(this.#follow(deployer, newest.id, signal));
        return deployer.plan({ ...where, tag: GOOD_TAG }, { signal });
      }
      default:
        return request satisfies never;
    }
  }

  /** A follower gets every entry once, in order, whoever runs the deployment. */
  async #follow(deployer: Deployer, id: string, signal: AbortSignal): Promise<void> {
    let last = 0;
    try {
      for await (const entry of deployer.logs(id, { follow: true, signal })) {
        if (entry.seq !== last + 1) this.#world.report(`a follower of ${id} got entry ${entry.seq} after ${last}`);
        last = entry.seq;
        this.#listen(entry, `a log entry of ${id}`);
      }
    } catch {
      // The store was away: a follower goes on behind its last entry, which is another one's test.
    }
  }

  #listen(heard: unknown, where: string): void {
    const text = JSON.stringify(heard, (_, value) => (value instanceof Error ? `${value.message}` : value)) ?? '';
    if (text.includes(SECRET)) this.#world.report(`a secret is in ${where}: ${text.slice(0, 300)}`);
  }

  async #close(host: Host, running: 'finish' | 'cancel'): Promise<void> {
    const { deployer, life } = host;
    if (!deployer || host.isClosed || life.isDead) return;
    host.isClosed = true;
    this.#world.trace.say(life.name, () => `closes (${running})`);
    await deployer.close({ running, timeoutMs: 20_000 });
    if (life.isDead) return;
    this.#world.trace.say(life.name, () => 'is closed');
    // What is due at once is no timer that keeps a process; a port that is deaf to an abort is given up a second later.
    const graceMs = this.#world.script.odds.deaf === undefined ? 1 : 1_100;
    await new Promise<void>((resolve) => this.#world.clock.after(graceMs, resolve));
    if (life.timers > 0) this.#world.report(`${life.name} has ${life.timers} timers after close()`);
  }

  /** Waits until what was asked is answered, or its host is dead. */
  async #answered(limitMs: number): Promise<boolean> {
    const { clock } = this.#world;
    const untilMs = clock.monotonicMs() + limitMs;
    const isOpen = ({ answer, life }: Asked) => !answer && !life.isDead;
    while (this.#asked.some(isOpen) && clock.monotonicMs() < untilMs) await clock.advance(500);
    return !this.#asked.some(isOpen);
  }

  /** Everybody comes to an end, and what the dead have left is taken up. */
  async #settle(): Promise<void> {
    const { clock, script } = this.#world;
    for (const { life } of this.#hosts.values()) life.resume();
    if (!(await this.#answered(SETTLE_LIMIT_MS)))
      for (const { id, answer, life } of this.#asked)
        if (!answer && !life.isDead) this.#world.report(`${life.name} never answered ${id}`);
    for (const host of this.#hosts.values()) {
      const closed = this.#close(host, 'finish');
      await clock.until(closed, SETTLE_LIMIT_MS);
    }
    for (let store = 0; store < script.stores; store += 1)
      for (let engine = 0; engine < script.engines; engine += 1) await this.#tidyUp(store, engine);
  }

  /** A host that nothing happens to, over the same store and engine. */
  async #tidyUp(store: number, engine: number): Promise<void> {
    const { clock, script } = this.#world;
    const own = script.stages.filter((stage) => stage.store === store && stage.engine === engine);
    if (own.length === 0) return;
    const plan: HostPlan = {
      name: `tidy${store}${engine}`,
      kind: 'service',
      store,
      engine,
      wallMs: 0,
      beganMs: 0,
      rate: 1,
      hasKey: true,
      notifies: script.hosts.some((host) => host.store === store && host.notifies),
      restartAfterMs: 0,
    };
    const host = new Host(this.#world, plan);
    this.#hosts.set(plan.name, host);
    const deployer = await clock.until(host.ready, SETTLE_LIMIT_MS);
    if (!deployer) return this.#world.report('the last host never started');
    for (const { project, stage } of own) {
      const deployed = await clock.until(deployer.deploy({ project, stage, tag: GOOD_TAG }), SETTLE_LIMIT_MS);
      if (deployed.isErr())
        this.#world.report(
          `the last deployment of ${project}/${stage}: ${deployed.error.kind}: ${deployed.error.message}`,
        );
    }
    await clock.advance(QUIET_MS);
    // What failed often waits long; what a host with a fast clock has put off waits for ours.
    for (let waitedMs = 0; waitedMs < PATIENCE_MS && (await this.#hasTasks(store)); )
      waitedMs += await this.#pass(waitedMs < 60_000 ? QUIET_MS : 60_000);
    await clock.until(this.#close(host, 'finish'), SETTLE_LIMIT_MS);
  }

  async #pass(ms: number): Promise<number> {
    await this.#world.clock.advance(ms);
    return ms;
  }

  async #hasTasks(store: number): Promise<boolean> {
    const listed = await this.#world.stores[store]?.list('tasks', {}, { signal: new AbortController().signal });
    return listed?._unsafeUnwrap().some(({ value }) => value.kind !== 'notify') ?? false;
  }

  async #judge(): Promise<void> {
    const world = this.#world;
    for (const broken of await brokenPromises(world)) world.report(broken);
    for (const { id, answer, life } of this.#asked) {
      const status = endOf(answer);
      if (!status) continue;
      const mirror = world.overhearing.mirrors[life.plan.store];
      const record = mirror?.deployments.get(status.id);
      if (!record) world.report(`${id} was answered with deployment ${status.id}, which nobody has recorded`);
      else if (record.status !== status.status)
        world.report(`${id} was answered ${status.status}, and ${status.id} is ${record.status}`);
    }
  }
}

/** What a deployment's caller was told about its end. */
function endOf(answer: Answer | undefined): { id: string; status: string } | undefined {
  const told = answer?.isOk() ? answer.value : (answer?.error as { deployment?: unknown } | undefined)?.deployment;
  if (typeof told !== 'object' || told === null || !('status' in told) || !('id' in told)) return undefined;
  return told as { id: string; status: string };
}

function said(answer: Answer): string {
  if (answer.isErr()) return `${answer.error?.kind}: ${answer.error?.message}`;
  const { status, id } = (answer.value ?? {}) as { status?: string; id?: string };
  return status ? `${id} ${status}` : JSON.stringify(answer.value ?? 'ok').slice(0, 120);
}
