/**
 * The referee sees everything that takes effect, whoever did it, and says at once what no rule allows. It knows the world (the engines,
 * the proxies, what was committed) and nothing of what the deployers believe.
 */
import {
  type Change,
  type DeploymentRecord,
  isTerminal,
  type JournalRecord,
  type LeaseRecord,
  type MemoryContainer,
  type RouteRecord,
  type StageRecord,
  TERMINAL_EVENTS,
} from './core.js';
import { LEASED, type Life, type Overhearing } from './life.js';
import { disagreeing, isUntold, putWrongly } from './maintenance.js';
import { type Mirror, newMirror } from './mirror.js';
import type { Component } from './script.js';
import type { SimulatedEngine } from './world.js';

/** So much sooner than its ttl a lease may seem to have expired: clocks do not all go equally fast. */
const DRIFT = 0.03;

interface World {
  nowMs(): number;
  readonly engines: readonly SimulatedEngine[];
  readonly storeIds: readonly string[];
  /** Whether the stage is one whose traffic may not have a gap. */
  hasNoGap(stageKey: string, store: number): boolean;
  report(what: string): void;
}

interface Grant {
  readonly number: number;
  /** Until then an effect may still be under way that a holder has begun whose lease has expired; true time. */
  readonly quietFromMs: number;
}

export class Referee implements Overhearing {
  readonly mirrors: readonly Mirror[];
  readonly #world: World;
  /** Who is doing what happens now; undefined: the world itself. */
  #acting: Life | undefined;
  /** Instances that have answered a health check as they should. */
  readonly #healthy = new Set<string>();
  /** Instances that the world has broken: an app that ended, an engine that was restarted. Their traffic is nobody's fault. */
  readonly broken = new Set<string>();
  /** Instances whose container somebody has removed, and domains that somebody has led elsewhere. */
  readonly lost = new Set<string>();
  readonly disturbed = new Set<string>();
  /** Stages that somebody asked to remove: they may stop to answer. */
  readonly removing = new Set<string>();
  /** Per store and lease, in the order in which they were given away. */
  #grants = 0;
  /** By the ids of their deployers. */
  readonly #lives = new Map<string, Life>();
  readonly #held = new Map<Life, Map<string, Grant>>();
  readonly #newest = new Map<string, { readonly grant: number; readonly life: Life }>();
  readonly #begun = new Map<string, number>();
  readonly #served = new Map<string, boolean>();
  readonly #lying = new Set<number>();
  /** Images by engine that were pulled, and that nobody has asked to remove since. */
  readonly #brought = new Set<string>();
  /** Routes on their way to the proxy that were sent while all that they lead to was there. */
  readonly #soundlySent = new WeakSet<object>();

  constructor(world: World) {
    this.#world = world;
    this.mirrors = world.storeIds.map(newMirror);
    world.engines.forEach(({ engine }) => {
      const emit = engine.emit.bind(engine);
      engine.emit = (event) => {
        if (event.type === 'died' && !this.#acting) this.broken.add(event.owner.deployment);
        emit(event);
        if (event.type === 'removed') this.#gone(event.name, event.owner.deployment);
        this.#look(`${event.name} ${event.type}`);
      };
    });
  }

  /** From now on the proxy says what is not so: what it serves is nobody's fault. */
  lies(proxy: number, on: boolean): void {
    if (on) this.#lying.add(proxy);
    else this.#lying.delete(proxy);
  }

  sends(life: Life, component: Component, method: string, args: readonly unknown[]): number | undefined {
    if (component === 'engine') this.#beforeEffect(life, method, args[0]);
    if (component === 'proxy' && method === 'put') this.#sendsRoute(life, args[0] as never);
    const kind = LEASED[`${component}.${method}`];
    if (!kind) return undefined;
    const key = this.#leaseOf(life, kind, args[0]);
    if (key === undefined) return undefined;
    const grant = this.#held.get(life)?.get(key);
    if (!grant) {
      this.#report(life, `${component}.${method} without the lease ${key}`);
      return undefined;
    }
    const newest = this.#newest.get(`${life.plan.store}/${key}`);
    if (newest && newest.life !== life && newest.grant > grant.number)
      this.#report(life, `${component}.${method} under the lease ${key}, which ${newest.life.name} has by now`);
    if (this.#world.nowMs() < grant.quietFromMs)
      this.#report(life, `${component}.${method} under ${key}, whose last holder may still be at an effect of its own`);
    return grant.number;
  }

  arrives(life: Life, component: Component, method: string, args: readonly unknown[], sent: unknown): void {
    this.#acting = life;
    const kind = LEASED[`${component}.${method}`];
    if (kind && typeof sent === 'number') {
      const key = `${life.plan.store}/${this.#leaseOf(life, kind, args[0])}`;
      const begun = this.#begun.get(key) ?? 0;
      if (begun > sent)
        this.#report(life, `${component}.${method} arrives after an effect of the next holder of ${key}`);
      this.#begun.set(key, Math.max(begun, sent));
    }
    if (component === 'store' && method === 'commit') this.#beforeCommit(life, args[0] as readonly Change[]);
    if (component === 'proxy' && method === 'put') this.#beforePut(life, args[0] as never);
    if (component === 'engine' && ['start', 'stop', 'remove'].includes(method))
      this.#beforeChange(life, args[0] as never);
  }

  done(life: Life, component: Component, method: string): void {
    if (component === 'proxy' && (method === 'put' || method === 'remove')) this.#look(`proxy.${method}`);
    this.#acting = undefined;
    if (life.isDead) return;
  }

  answered(
    life: Life,
    component: Component,
    method: string,
    args: readonly unknown[],
    result: { isOk(): boolean },
  ): void {
    if (!result.isOk()) {
      this.#suspect = undefined;
      return;
    }
    if (component === 'store' && method === 'commit') this.#committed(life, args[0] as readonly Change[]);
    if (component === 'probe' && method === 'check') this.#checked(life, args[0] as never, result as never);
  }

  // Leases

  #leaseOf(life: Life, kind: 'stage' | 'domain', thing: unknown): string | undefined {
    if (kind === 'domain') {
      const { proxy, proxyIdentity } = this.#engineOf(life);
      const { domain } = thing as { domain: string };
      return proxy.writes === 'serial' ? `proxy:${proxyIdentity}` : `domain:${domain}`;
    }
    const { name, project, stage } = thing as { name: string; project?: string; stage?: string };
    if (project !== undefined && stage !== undefined) return `stage:${JSON.stringify([project, stage])}`;
    const spec = this.#engineOf(life).engine.containers.get(name)?.spec;
    return spec && `stage:${JSON.stringify([spec.project, spec.stage])}`;
  }

  #engineOf(life: Life): SimulatedEngine {
    return this.#world.engines[life.plan.engine] as SimulatedEngine;
  }

  #lease(life: Life, before: LeaseRecord | undefined, record: LeaseRecord): void {
    const mirror = this.#mirrorOf(life);
    const nowMs = this.#world.nowMs();
    const key = `${life.plan.store}/${record.id}`;
    const own = this.#held.get(life) ?? new Map<string, Grant>();
    this.#held.set(life, own);
    if (record.holder !== null) {
      life.deployerId ??= record.holder;
      this.#lives.set(record.holder, life);
    }
    const isGrant = record.holder !== null && record.token !== before?.token;
    if (before && record.token < before.token) this.#report(life, `the token of ${record.id} went back`);
    if (isGrant) {
      const holder = before?.holder;
      const stoodMs = nowMs - (mirror.beats.get(record.id) ?? Number.NEGATIVE_INFINITY);
      if (holder != null && holder !== record.holder && before && stoodMs < before.ttlMs * (1 - DRIFT))
        this.#report(life, `${record.id} is taken from ${holder} only ${Math.round(stoodMs)} ms after its last beat`);
      // What a host sends that has stood still may still renew what it has given up by then.
      const soundSinceMs = nowMs - stoodMs - (before?.ttlMs ?? 0);
      if (holder != null && holder !== record.holder && this.#couldRenew(holder, soundSinceMs))
        this.#report(life, `${record.id} is taken from ${holder}, which lives and has not renewed it`);
      this.#grants += 1;
      const isTaken = holder != null && holder !== record.holder && before !== undefined;
      const restMs = isTaken ? (before.ttlMs + before.effectTimeoutMs) * (1 - DRIFT) - stoodMs : 0;
      own.set(record.id, { number: this.#grants, quietFromMs: nowMs + restMs });
      this.#newest.set(key, { grant: this.#grants, life });
    } else if (record.holder === null) own.delete(record.id);
    mirror.beats.set(record.id, nowMs);
  }

  /** A host that nothing has kept from the store since then has no reason to lose a lease. */
  #couldRenew(holder: string, sinceMs: number): boolean {
    const life = this.#lives.get(holder);
    return life !== undefined && !life.isDead && !life.isStalled && !life.isClosing && life.hinderedMs < sinceMs;
  }

  // Commits

  #mirrorOf(life: Life): Mirror {
    return this.mirrors[life.plan.store] as Mirror;
  }

  /** A stage's record and its journals change in its lease's holder's hands alone. */
  #suspect: string | undefined;

  #beforeCommit(life: Life, changes: readonly Change[]): void {
    const { leases, journals } = this.#mirrorOf(life);
    this.#suspect = undefined;
    for (const change of changes) {
      if (change.op === 'append' || change.op === 'trim') continue;
      if (change.collection !== 'stages' && change.collection !== 'journals') continue;
      const id = change.op === 'remove' ? change.id : change.record.id;
      const stage =
        change.collection === 'stages'
          ? id
          : change.op === 'remove'
            ? journals.get(id)?.stageKey
            : (change.record as JournalRecord).stageKey;
      const lease = leases.get(`stage:${stage}`);
      if (lease?.holder != null && lease.holder !== life.deployerId)
        this.#suspect = `${change.op} of ${change.collection} ${id} while ${lease.holder} holds its stage`;
    }
  }

  #committed(life: Life, changes: readonly Change[]): void {
    const mirror = this.#mirrorOf(life);
    if (this.#suspect !== undefined) this.#report(life, this.#suspect);
    const succeeded: DeploymentRecord[] = [];
    const agreed = new Set<string>();
    const isSuccess = changes.some(
      (change) => 'record' in change && (change.record as Partial<DeploymentRecord>).status === 'succeeded',
    );
    for (const change of changes) {
      if (change.op === 'append') {
        if (change.stream === 'events') for (const entry of change.entries) this.#event(life, mirror, entry as never);
        continue;
      }
      if (change.op === 'trim') continue;
      const records = mirror[change.collection as keyof Mirror] as Map<string, never> | undefined;
      if (!records) continue;
      if (change.op === 'remove') {
        if (change.collection === 'journals' && !isSuccess) this.#undone(life, mirror.journals.get(change.id), []);
        const task = change.collection === 'tasks' ? mirror.tasks.get(change.id) : undefined;
        if (task?.kind === 'hold') agreed.add(task.stageKey);
        records.delete(change.id);
        continue;
      }
      const { record } = change;
      if (change.collection === 'journals' && !isSuccess)
        this.#undone(life, mirror.journals.get(record.id), (record as JournalRecord).entries);
      if (change.collection === 'leases') this.#lease(life, mirror.leases.get(record.id), record as LeaseRecord);
      if (change.collection === 'stages' && isUntold(mirror.stages.get(record.id), record as StageRecord, changes))
        this.#report(life, `the maintenance of ${record.id} is another one now, and nobody is told`);
      if (change.collection === 'deployments') {
        const before = mirror.deployments.get(record.id);
        const now = record as DeploymentRecord;
        if (before && isTerminal(before.status) && before.status !== now.status)
          this.#report(life, `deployment ${now.id} was ${before.status} and is ${now.status} now`);
        if (now.status === 'succeeded' && before?.status !== 'succeeded') succeeded.push(now);
      }
      records.set(record.id, record as never);
    }
    for (const each of succeeded) this.#succeeded(life, mirror, each);
    const { number, proxy } = this.#engineOf(life);
    const isExcused = ({ id, instance }: RouteRecord) =>
      this.broken.has(instance ?? '') || this.disturbed.has(id) || this.#lying.has(number);
    for (const each of agreed) for (const what of disagreeing(mirror, proxy, each, isExcused)) this.#report(life, what);
  }

  #event(
    life: Life,
    { terminalEvents }: Mirror,
    event: { type: string; payload: { deployment?: { id: string } } },
  ): void {
    if (!(TERMINAL_EVENTS as readonly string[]).includes(event.type)) return;
    const id = event.payload.deployment?.id ?? '';
    const count = (terminalEvents.get(id) ?? 0) + 1;
    terminalEvents.set(id, count);
    if (count > 1) this.#report(life, `a second terminal event of deployment ${id}: ${event.type}`);
  }

  /** The point of no return: what it says is so, at this moment. */
  #succeeded(life: Life, mirror: Mirror, { id, instance, stageKey }: DeploymentRecord): void {
    const record = mirror.instances.get(instance ?? '');
    if (!instance || !record) {
      this.#report(life, `deployment ${id} succeeded without an instance`);
      return;
    }
    if (record.state !== 'running')
      this.#report(life, `deployment ${id} leads to ${instance}, which is ${record.state}`);
    this.removing.delete(stageKey);
    const { proxy } = this.#engineOf(life);
    for (const route of mirror.routes.values()) {
      if (route.stageKey !== stageKey || route.state !== 'live' || route.instance !== instance) continue;
      if (!this.#healthy.has(instance)) this.#report(life, `${route.id} is live, and ${instance} never was healthy`);
      const by = (proxy.served.get(route.id)?.targets.length ?? 0) > 1 ? 'more than one' : proxy.answerer(route.id);
      const isExcused = this.broken.has(instance) || this.disturbed.has(route.id);
      if (by !== instance && !isExcused)
        this.#report(life, `${route.id} is committed to ${instance}, and ${by ?? 'nobody'} answers`);
    }
  }

  // The proxy and the engine

  #checked(
    life: Life,
    request: { kind: string; host: string; port: number },
    result: { value: { status: number | null } },
  ): void {
    const found = this.#engineOf(life).engine.connect(request.host, request.port);
    const { status } = result.value;
    const isGood = request.kind === 'tcp' || (status !== null && status >= 200 && status < 300);
    if (found && isGood) this.#healthy.add(found.container.spec.owner.deployment);
  }

  #sendsRoute(life: Life, route: { readonly targets: readonly { readonly instance: string }[] }): void {
    const { engine } = this.#engineOf(life);
    if (route.targets.every(({ instance }) => hasContainer(engine, instance))) this.#soundlySent.add(route);
    else this.#soundlySent.delete(route);
  }

  #beforePut(
    life: Life,
    route: { domain: string; mark: string; targets: readonly { instance: string }[]; holding?: object },
  ): void {
    const { engine } = this.#engineOf(life);
    const mirror = this.#mirrorOf(life);
    const record = mirror.routes.get(route.domain);
    const wrong = putWrongly(mirror, route);
    if (wrong) this.#report(life, wrong);
    for (const { instance } of route.targets) {
      // What is under way already nobody can hold back when somebody removes the container by hand: healing takes the route off.
      const isExcused = this.lost.has(instance) && this.#soundlySent.has(route);
      if (!isExcused && !hasContainer(engine, instance))
        this.#report(life, `${route.domain} is put to ${instance}, whose container is gone`);
      const needsHealth = record?.owner.kind !== 'tagged' || record.state === 'live';
      if (needsHealth && !this.#healthy.has(instance))
        this.#report(life, `${route.domain} is put to ${instance}, which never was healthy`);
    }
  }

  /** What is made is in the journal by then, under the name that it will have. */
  #beforeEffect(life: Life, method: string, thing: unknown): void {
    if (method === 'pull') this.#brought.add(imageOf(life, thing));
    if (method === 'removeImage') this.#brought.delete(imageOf(life, thing));
    if (method !== 'create') return;
    const { name, owner } = thing as { name: string; owner: { deployment: string } };
    const entries = this.#mirrorOf(life).journals.get(owner.deployment)?.entries ?? [];
    const isIntended = entries.some(({ step, intent }) => step === 'create' && isAbout(intent, name));
    if (!isIntended) this.#report(life, `${name} is created, and no journal says so`);
  }

  /** An entry that leaves the journal without a success was undone. */
  #undone(life: Life, before: JournalRecord | undefined, entries: JournalRecord['entries']): void {
    for (const { step, intent } of before?.entries ?? []) {
      if (step !== 'pull' || entries.some((each) => each.step === step)) continue;
      const { reference, present } = intent as unknown as { reference: string; present: boolean };
      const { engine } = this.#engineOf(life);
      const isUsed = [...engine.containers.values()].some(({ spec }) => spec.image === reference);
      if (!present && !isUsed && engine.images.has(reference) && this.#brought.has(imageOf(life, reference)))
        this.#report(life, `the pull of ${before?.id} is undone, and nobody has removed ${reference}`);
    }
  }

  #beforeChange(life: Life, { name, owner }: { name: string; owner: { storeId: string } }): void {
    const container = this.#engineOf(life).engine.containers.get(name);
    if (container && container.spec.owner.storeId !== this.#world.storeIds[life.plan.store])
      this.#report(life, `${name} belongs to ${container.spec.owner.storeId}, and is called ${owner.storeId}'s`);
  }

  #gone(name: string, instance: string): void {
    if (!this.#acting) return;
    for (const { proxy } of this.#world.engines)
      for (const [domain, { targets }] of proxy.routes)
        if (targets.some((target) => target.instance === instance))
          this.#report(this.#acting, `${name} is removed while ${domain} leads to it`);
  }

  /** Whether every default route that was served is still served, unless the world itself has broken it. */
  #look(after: string): void {
    this.mirrors.forEach((mirror, store) => {
      for (const { id, owner, stageKey, state, identity } of mirror.routes.values()) {
        if (owner.kind === 'tagged' || state !== 'live') continue;
        const engine = this.#world.engines.find((each) => each.proxyIdentity === identity);
        if (!engine) continue;
        const { status } = engine.proxy.request(id);
        // By the one that the route says: what has got its address since is somebody else. Amid a progressive cutover by both.
        const targets = engine.proxy.served.get(id)?.targets ?? [];
        const answerers = targets.map(({ host, port }) => ownerAt(engine, host, port));
        const isServed = targets.length > 0 && targets.every(({ instance }, index) => instance === answerers[index]);
        const by =
          answerers.length > 1 ? answerers.map((each) => each ?? 'nobody').join(' and ') : (answerers[0] ?? null);
        const was = this.#served.get(id);
        this.#served.set(id, isServed);
        const current = mirror.stages.get(stageKey)?.current;
        if (isServed) {
          if (current != null && answerers.includes(current)) this.broken.delete(current);
          continue;
        }
        const isExcused =
          !this.#acting ||
          was === false ||
          !this.#world.hasNoGap(stageKey, store) ||
          this.removing.has(stageKey) ||
          this.disturbed.has(id) ||
          this.#lying.has(engine.number) ||
          (current != null && this.broken.has(current)) ||
          // Also one that has ended between its last look and the route's coming to it.
          engine.proxy.routes.get(id)?.targets.some((target) => this.broken.has(target.instance));
        if (!isExcused && this.#acting)
          this.#report(this.#acting, `${id} answers ${status} by ${by ?? 'nobody'} after ${after}`);
      }
    });
  }

  #report(life: Life, what: string): void {
    this.#world.report(`${life.name}: ${what}`);
  }
}

const imageOf = (life: Life, reference: unknown): string => `${life.plan.engine} ${reference}`;
const hasContainer = ({ containers }: SimulatedEngine['engine'], instance: string): boolean =>
  [...containers.values()].some(({ spec }) => spec.owner.deployment === instance);
const ownerAt = ({ engine }: SimulatedEngine, host: string, port: number): string | null =>
  engine.connect(host, port)?.container.spec.owner.deployment ?? null;
const isAbout = (intent: unknown, container: string): boolean =>
  (intent as { readonly container?: string }).container === container;

export const ownedBy = (container: MemoryContainer, storeId: string): boolean =>
  container.spec.owner.storeId === storeId;
