/**
 * One life of a host: a process from its start to its end. All that it does in the world goes through here: its clock, and every call of
 * a port. A call is a request that is under way, arrives, and is answered; each of these can take time, get lost, or be the last thing
 * that the process lives to see. Nothing of the core is changed for that: it sees ports.
 */
import { err, ResultAsync } from 'neverthrow';
import { type AnyError, aborted, type Clock, MARGIN_MS, outage, type VirtualClock } from './core.js';
import type { Dice } from './dice.js';
import { type Component, FAULTS, type Fault, type HostPlan, type Moment, type Script } from './script.js';
import type { Trace } from './trace.js';

type Result = { isOk(): boolean; isErr(): boolean };
type Answer = PromiseLike<Result>;

/** What is told of calls: before one takes effect, and after it. */
export interface Overhearing {
  sends(life: Life, component: Component, method: string, args: readonly unknown[]): unknown;
  arrives(life: Life, component: Component, method: string, args: readonly unknown[], sent: unknown): void;
  /** Right after it took effect, before anything else can happen. */
  done(life: Life, component: Component, method: string, args: readonly unknown[]): void;
  answered(life: Life, component: Component, method: string, args: readonly unknown[], result: Result): void;
}

export interface Surroundings {
  readonly clock: VirtualClock;
  readonly dice: Dice;
  readonly script: Script;
  readonly trace: Trace;
  readonly overhearing: Overhearing;
  /** Whether nothing gets through between the host and the component now. */
  isCut(host: HostPlan, component: Component): boolean;
  /** Whether faults have ended: the dust settles. */
  readonly isCalm: boolean;
  /** Whether this fault is to be left out; told of every one that is not. */
  spares(fault: string, kind: Fault): boolean;
  /** What a life is to meet at its n-th call, or at the n-th that is an effect under a lease; both count from 1. */
  trap(life: Life, of: 'calls' | 'effects', number: number): Trap | undefined;
  died(life: Life): void;
}

export type Trap = { readonly id: string; readonly when: Moment } & (
  | { readonly kind: 'kill' }
  | { readonly kind: 'stall'; readonly ms: number }
);

/** Calls that wait at the other side: they end there when the caller hangs up. */
const WAITING = new Set(['prove', 'check', 'watch']);
/** Those that change nothing: whether a request that nobody waits for any more arrives is the same to everybody. */
const READING = new Set([
  'get',
  'list',
  'read',
  'storeId',
  'inspect',
  'describe',
  'image',
  'resolve',
  'tags',
  'inFlight',
]);
/** Effects that only a lease's holder may have, and the leases. What stops or removes a container is exempt (protocol: Leases). */
export const LEASED: { readonly [method: string]: 'stage' | 'domain' } = {
  'engine.create': 'stage',
  'engine.start': 'stage',
  'engine.connect': 'stage',
  'proxy.put': 'domain',
  'proxy.remove': 'domain',
};
const WITHOUT_SIGNAL = new Set(['close']);
/** What a rule may count on: what is under way when its caller has gone arrives a little before it is looked for a second time. */
const LATE_SHARE = 0.9;

export class Life {
  readonly name: string;
  readonly plan: HostPlan;
  readonly number: number;
  readonly clock: Clock;
  /** The deployer's own id, once a lease has shown it. */
  deployerId: string | undefined;
  isDead = false;
  /** Its deployer is closing, or has closed: what it could not give back is nobody's by now. */
  isClosing = false;
  /** When it was last kept from the store, or from going on at all. */
  hinderedMs = Number.NEGATIVE_INFINITY;
  calls = 0;
  effects = 0;
  readonly #world: Surroundings;
  readonly #hasFaults: boolean;
  readonly #counts = new Map<string, number>();
  readonly #underWay = new Set<{ cutOff(): void }>();
  /** What would have happened to it while it stands still. */
  #missed: (() => void)[] | undefined;
  #timers = 0;
  #awaited = 0;
  #wallMs: number;

  constructor(world: Surroundings, plan: HostPlan, number: number) {
    this.#world = world;
    this.plan = plan;
    this.number = number;
    this.name = `${plan.name}.${number}`;
    this.#wallMs = plan.wallMs;
    this.#hasFaults = Object.keys(world.script.odds).length > 0;
    this.clock = {
      now: () => Math.floor(world.clock.now() + this.#wallMs),
      monotonicMs: () => plan.beganMs + world.clock.monotonicMs() * plan.rate,
      after: (ms, callback, isAwaited) => this.#after(ms, callback, isAwaited),
    };
  }

  /** Timers that its process would wait for, or that would call it. */
  get timers(): number {
    return this.#timers;
  }

  /** Whether its process would go on: somebody waits for a timer of its, or a call is under way. */
  get isHeld(): boolean {
    return this.#awaited > 0 || this.#underWay.size > 0 || this.isStalled;
  }

  get isStalled(): boolean {
    return this.#missed !== undefined;
  }

  jumpClock(ms: number): void {
    this.#wallMs += ms;
  }

  /** SIGKILL. What it has sent is under way, and nobody waits for it any more. */
  die(why: string): void {
    if (this.isDead) return;
    this.isDead = true;
    this.#missed = undefined;
    this.#world.trace.say(this.name, () => `dies: ${why}`);
    for (const call of [...this.#underWay]) call.cutOff();
    this.#underWay.clear();
    this.#world.died(this);
  }

  /** Its process stands still; the world does not. */
  stall(ms: number, why: string): void {
    if (this.isDead || this.#missed) return;
    this.#world.trace.say(this.name, () => `stands still for ${ms} ms: ${why}`);
    this.#missed = [];
    this.#world.clock.after(ms, () => this.resume());
  }

  resume(): void {
    const missed = this.#missed;
    if (!missed) return;
    this.#world.trace.say(this.name, () => 'goes on');
    this.#missed = undefined;
    this.#hindered();
    // One after the other, as an event loop does: between two of them everything that waits for the first gets its turn.
    for (const each of missed) this.#world.clock.after(0, () => this.#deliver(each));
  }

  #hindered(): void {
    this.hinderedMs = this.#world.clock.monotonicMs();
  }

  #deliver(work: () => void): void {
    if (this.isDead) return;
    if (this.#missed) this.#missed.push(work);
    else work();
  }

  #after(ms: number, callback: () => void, isAwaited = false): () => void {
    if (this.isDead) return () => {};
    this.#timers += 1;
    if (isAwaited) this.#awaited += 1;
    let isOver = false;
    const isFirst = () => {
      if (isOver) return false;
      isOver = true;
      this.#timers -= 1;
      if (isAwaited) this.#awaited -= 1;
      return true;
    };
    const due = () => {
      if (isFirst()) callback();
    };
    const cancel = this.#world.clock.after(ms / this.plan.rate, () => this.#deliver(due), isAwaited);
    return () => {
      if (isFirst()) cancel();
    };
  }

  /** The port as this host sees it. */
  port<P extends object>(component: Component, port: P): P {
    const seen: Record<string, unknown> = {};
    for (const property of Object.keys(port)) {
      const value: unknown = Reflect.get(port, property);
      if (typeof value === 'function')
        seen[property] = this.#method(component, port, property, value as (...args: unknown[]) => unknown);
      else
        Object.defineProperty(seen, property, { get: () => Reflect.get(port, property) as unknown, enumerable: true });
    }
    return seen as P;
  }

  #method(component: Component, port: object, method: string, original: (...args: unknown[]) => unknown) {
    if (method === 'subscribe') {
      // Told a little later, and perhaps when it has gone.
      return (listener: () => void) =>
        Reflect.apply(original, port, [
          () => this.#world.clock.after(this.#world.script.latencyMs, () => this.#deliver(listener)),
        ]);
    }
    return (...args: unknown[]): unknown => {
      const at = args.findIndex(hasSignal);
      if (at < 0 && !WITHOUT_SIGNAL.has(method)) return Reflect.apply(original, port, args);
      const signal = at < 0 ? undefined : (args[at] as { signal: AbortSignal }).signal;
      if (signal?.aborted) return this.isDead ? never() : Reflect.apply(original, port, args);
      if (method === 'logs') return this.#stream(component, () => Reflect.apply(original, port, args));
      return this.#call({
        component,
        method,
        args,
        signal,
        at,
        perform: (given) => Reflect.apply(original, port, given),
      });
    };
  }

  /** Another process's output, line by line: it breaks off where its reader dies. */
  async *#stream(component: Component, open: () => unknown): AsyncGenerator<unknown> {
    if (this.isDead || this.#world.isCut(this.plan, component)) await new Promise(() => {});
    for await (const each of open() as AsyncIterable<unknown>) {
      if (this.isDead) await new Promise(() => {});
      yield each;
    }
  }

  #call(call: Call): ResultAsync<never, never> {
    if (this.isDead) return never();
    this.calls += 1;
    const { component, method } = call;
    const kind = `${component}.${method}`;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const name = `${this.name} ${kind} #${count}`;
    const trap = this.#world.trap(this, 'calls', this.calls) ?? this.#trapAtEffect(kind);
    this.#world.trace.mix(this.calls, count);
    if (trap?.when === 'before') this.#spring(trap, name);
    if (this.isDead) return never();
    const fault = this.#faultOf(name, component, method);
    if (fault) this.#world.trace.say(this.name, () => `${told(call)}: ${fault}`);
    if (fault && component === 'store') this.#hindered();
    if (fault === 'throws') throw new Error(`${kind} threw (a fault of the simulation).`);
    return new ResultAsync(
      new Promise<never>((resolve) => {
        const send = () => this.#send(call, name, fault, trap, resolve as never);
        // What stood still before it wrote to the store writes when it goes on: that is what fences are for. An effect at the engine or
        // the proxy cannot be fenced: no more than the margin may lie between its lease and its sending, so it is under way already.
        if (component === 'store') this.#deliver(send);
        else send();
      }),
    );
  }

  #trapAtEffect(kind: string): Trap | undefined {
    if (LEASED[kind] === undefined) return undefined;
    this.effects += 1;
    return this.#world.trap(this, 'effects', this.effects);
  }

  #spring(trap: Trap, name: string): void {
    // One that was set for the answer of a call, and the dust has settled before it.
    if (this.#world.isCalm) return;
    const why = `${trap.when} ${name} (${trap.id})`;
    if (trap.kind === 'kill') this.die(why);
    else this.stall(trap.ms, why);
  }

  #faultOf(name: string, component: Component, method: string): Fault | undefined {
    const { dice, isCalm, script } = this.#world;
    if (isCalm || method === 'close' || !this.#hasFaults) return undefined;
    let point = dice.roll(name);
    for (const fault of FAULTS) {
      const odds = script.odds[fault] ?? 0;
      if (point >= odds) {
        point -= odds;
        continue;
      }
      // A store's commit is made once or not at all: that is its contract, and drivers do not send one again.
      if (fault === 'twice' && (component === 'store' || READING.has(method) || WAITING.has(method))) return undefined;
      return this.#world.spares(name, fault) ? undefined : fault;
    }
    return undefined;
  }

  #send(
    call: Call,
    name: string,
    fault: Fault | undefined,
    trap: Trap | undefined,
    resolve: (result: unknown) => void,
  ): void {
    const { clock, dice, overhearing, script, trace } = this.#world;
    const { component, method, signal } = call;
    const { timing } = script;
    const isReading = READING.has(method);
    const toss = dice.bits(`${name} how`);
    const part = (shift: number) => ((toss >>> shift) & 255) / 256;
    const server = WAITING.has(method) ? new AbortController() : undefined;
    const args = call.at < 0 ? call.args : withSignal(call, server?.signal ?? NEVER);
    const outageError = outage[component === 'engine' ? 'runtime' : component === 'receiver' ? 'notifier' : component];
    const sent = overhearing.sends(this, component, method, args);
    const sentMs = clock.monotonicMs();
    let hasArrived = false;
    let isSettled = false;
    let cancelArrival: (() => void) | undefined;

    const settle = (result: Result) => {
      this.#underWay.delete(underWay);
      if (component === 'store' && (fault || result.isErr())) this.#hindered();
      this.#deliver(() => {
        if (isSettled) return;
        isSettled = true;
        signal?.removeEventListener('abort', onAbort);
        if (trap?.when === 'answered') this.#spring(trap, name);
        trace.mix(result.isOk() ? 1 : 2, Math.floor(clock.monotonicMs()));
        trace.say(this.name, () => `${told(call)} → ${saidResult(result)}`);
        this.#deliver(() => resolve(result));
      });
    };
    const lose = (ms: number) => clock.after(ms, () => settle(err(outageError)), true);
    const reply = (result: Result) => {
      if (fault === 'hang' || fault === 'deaf') return;
      if (fault === 'unheard' && result.isOk()) return settle(err(outageError));
      const underWayMs = script.latencyMs * part(0);
      if (underWayMs < 0.25) settle(result);
      else clock.after(underWayMs, () => settle(result), true);
    };
    const arrive = () => {
      if (hasArrived) return;
      hasArrived = true;
      if (this.#world.isCut(this.plan, component)) {
        if (component === 'store') this.#hindered();
        // Refused at once, or silence until the caller has had enough.
        if (part(8) < 0.5) lose(0);
        return;
      }
      this.#perform(call, args, sent, fault === 'twice', reply);
    };
    /** Nobody waits for it any more: it arrives soon, or never. */
    const forsake = () => {
      server?.abort(signal?.reason);
      if (hasArrived) return;
      cancelArrival?.();
      const inMs = timing.absentForMs * LATE_SHARE * part(8);
      const isTooLate = clock.monotonicMs() + inMs - sentMs > 2 * timing.effectTimeoutMs;
      if (isReading || isTooLate || part(16) < 0.4) hasArrived = true;
      else cancelArrival = clock.after(inMs, arrive);
    };
    const onAbort = () => {
      forsake();
      if (fault !== 'deaf') settle(err(aborted(`${component}.${method}`, signal?.reason)));
    };
    const underWay = { cutOff: forsake };
    this.#underWay.add(underWay);
    signal?.addEventListener('abort', onAbort, { once: true });

    if (fault === 'lost') return void lose(script.latencyMs * part(0));
    const arrivesAfterMs = this.#arrivalMs(fault, trap, part);
    if (arrivesAfterMs < 0.25 && trap?.when !== 'sent') arrive();
    else if (Number.isFinite(arrivesAfterMs)) cancelArrival = clock.after(arrivesAfterMs, arrive, true);
    if (trap?.when === 'sent') this.#spring(trap, name);
  }

  /** When the request arrives, counted from now. */
  #arrivalMs(fault: Fault | undefined, trap: Trap | undefined, part: (shift: number) => number): number {
    const { latencyMs, timing } = this.#world.script;
    // As late as who takes over waits for: an effect that began when the lease had just its limit and the margin left.
    if (trap?.kind === 'stall') return LATE_SHARE * 2 * (timing.effectTimeoutMs + MARGIN_MS) * part(8);
    if (fault === 'late') return 2 * timing.effectTimeoutMs * part(8);
    if (fault === 'slow') return 0.8 * timing.effectTimeoutMs * part(8);
    if (fault === 'hang' || fault === 'deaf') return part(24) < 0.5 ? Number.POSITIVE_INFINITY : latencyMs * part(8);
    return latencyMs * part(24);
  }

  #perform(
    call: Call,
    args: readonly unknown[],
    sent: unknown,
    isTwice: boolean,
    reply: (result: Result) => void,
  ): void {
    const { overhearing } = this.#world;
    const { component, method } = call;
    const once = (then: (result: Result) => void) => {
      overhearing.arrives(this, component, method, args, sent);
      const answer = call.perform(args) as Answer;
      overhearing.done(this, component, method, args);
      answer.then((result) => {
        overhearing.answered(this, component, method, args, result);
        then(result);
      });
    };
    once(isTwice ? () => once(reply) : reply);
  }
}

interface Call {
  readonly component: Component;
  readonly method: string;
  readonly args: readonly unknown[];
  readonly signal: AbortSignal | undefined;
  /** Which argument has it. */
  readonly at: number;
  perform(args: readonly unknown[]): unknown;
}

const NEVER = new AbortController().signal;
const never = () => new ResultAsync<never, never>(new Promise(() => {}));

const hasSignal = (arg: unknown): boolean => typeof arg === 'object' && arg !== null && 'signal' in arg;

const withSignal = ({ args, at }: Call, signal: AbortSignal): unknown[] => {
  const given = [...args];
  given[at] = { ...(args[at] as object), signal };
  return given;
};

/** A call in one line, for people. */
function told({ component, method, args }: Call): string {
  const [first, second] = args as [unknown, unknown];
  const what =
    typeof first === 'string'
      ? `${first}${typeof second === 'string' ? ` ${second}` : ''}`
      : Array.isArray(first)
        ? first.map(toldChange).join(', ')
        : toldThing(first);
  return `${component}.${method}(${what})`;
}

function toldChange(change: {
  op: string;
  collection?: string;
  id?: string;
  record?: object;
  stream?: string;
}): string {
  if (!change.record) return `${change.op} ${change.collection ?? change.stream}${change.id ? ` ${change.id}` : ''}`;
  const record = change.record as Record<string, unknown>;
  const more = ['status', 'state', 'instance', 'current', 'holder', 'token', 'kind', 'subject']
    .filter((field) => record[field] !== undefined)
    .map((field) => `${field}=${record[field]}`);
  return `${change.op} ${change.collection} ${record['id']}${more.length > 0 ? ` {${more.join(' ')}}` : ''}`;
}

function toldThing(thing: unknown): string {
  if (typeof thing !== 'object' || thing === null) return String(thing);
  const { name, domain, targets, host, port } = thing as Record<string, unknown>;
  if (domain !== undefined) {
    const to = (targets as { instance: string; host: string; port: number }[] | undefined)
      ?.map((target) => `${target.instance} at ${target.host}:${target.port}`)
      .join();
    return `${domain}${to ? ` → ${to}` : ''}`;
  }
  return name !== undefined ? String(name) : host !== undefined ? `${host}:${port}` : '';
}

function saidResult(result: Result): string {
  if (result.isErr()) {
    const { error } = result as unknown as { error: AnyError };
    return `${error.kind}: ${error.message}`;
  }
  const { value } = result as unknown as { value: unknown };
  if (value === undefined) return 'ok';
  const text = JSON.stringify(value) ?? '';
  return text.length > 160 ? `${text.slice(0, 157)}…` : text;
}
