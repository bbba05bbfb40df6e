/** Maintenance in virtual time: what visitors are told, by whichever act the routes were put last, and that a failure leaves what was. */
import { describe, expect, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import { EVENT_STREAM } from '../events/types.js';
import type { ProxyCapabilities } from '../ports/proxy-manager.js';
import { memoryProxy, memoryWorld } from '../testing/index.js';
import { brokenPromises, DEFAULT, DEV, deployerIn, faultyWorld, IMAGE, push, settled } from './testbed.js';
import type { Deployer, DeployerOptions } from './types.js';

const CUSTOM = 'shop.example.com';
const TAGGED = (tag: string) => `stage-dev-shop-${tag}.apps.test`;
const FOREVER = { signal: new AbortController().signal };
const STAGE = { port: 3000, maxInstances: 2, domains: [CUSTOM] };
const PROJECTS = { shop: { image: IMAGE, stages: { dev: STAGE } } };
const ON = { ...DEV, on: true } as const;
const OFF = { ...DEV, on: false } as const;

async function opened(options: Partial<DeployerOptions> = {}, capabilities: Partial<ProxyCapabilities> = {}) {
  const plain = memoryWorld();
  const world = { ...plain, proxy: memoryProxy(plain.engine, { capabilities }) };
  push(world, 'v1', 'v2', 'v3');
  const deployer = await deployerIn(world, { projects: PROJECTS, ...options });
  const { clock, proxy } = world;
  const until = <T>(work: PromiseLike<T>) => clock.until(work, 600_000);
  return {
    world,
    deployer,
    deploy: (tag: string) => settled(world, deployer, tag),
    set: (request: Parameters<Deployer['maintenance']>[0], options = {}) =>
      until(unwrap(deployer.maintenance(request, options))),
    refused: async (request: unknown) => (await until(deployer.maintenance(request as typeof ON)))._unsafeUnwrapErr(),
    until,
    told: (domain = DEFAULT) => unwrap(proxy.get(domain, FOREVER)).then((held) => held?.holding),
    statuses: (...domains: readonly string[]) => domains.map((domain) => proxy.request(domain).status),
    events: async (type: string) =>
      (await unwrap(world.store.connect().read(EVENT_STREAM, { after: 0 }, FOREVER)))
        .map(({ value }) => value as unknown as { type: string; payload: Record<string, unknown> })
        .filter((event) => event.type === type)
        .map(({ payload }) => payload),
    async end() {
      await until(deployer.close());
      expect(clock.pending).toBe(0);
      expect(await brokenPromises(world)).toEqual([]);
    },
  };
}

describe('maintenance', () => {
  it('holds the default route and the custom domains, and lets tagged ones go on, until it is lifted', async () => {
    const { deploy, set, statuses, told, end } = await opened();
    await deploy('v1');
    const on = await set({ ...ON, message: 'Back at noon.', retryAfterMs: '90s', by: 'ada' });
    expect(on.maintenance).toMatchObject({ message: 'Back at noon.', retryAfterMs: 90_000, by: 'ada' });
    expect(await told(CUSTOM)).toEqual({ message: 'Back at noon.', retryAfterMs: 90_000 });
    expect(statuses(DEFAULT, CUSTOM, TAGGED('v1'))).toEqual([503, 503, 200]);
    expect((await set(OFF)).maintenance).toBeNull();
    expect(statuses(DEFAULT, CUSTOM, TAGGED('v1'))).toEqual([200, 200, 200]);
    await end();
  });

  it('says what the nearest configuration has for it, where nobody says otherwise', async () => {
    const { deploy, set, told, end } = await opened({
      settings: { domain: 'apps.test', maintenance: { message: 'Of all.', retryAfterMs: '10m' } },
      projects: { shop: { image: IMAGE, stages: { dev: { ...STAGE, maintenance: { message: 'Of this one.' } } } } },
    });
    await deploy('v1');
    await set(ON);
    expect(await told()).toEqual({ message: 'Of this one.', retryAfterMs: 600_000 });
    await set({ ...ON, message: 'Asked for.', retryAfterMs: 1_500 });
    expect(await told()).toEqual({ message: 'Asked for.', retryAfterMs: 2_000 });
    await end();
  });

  it('is told once, with who asked for it, and changed by asking again', async () => {
    const { world, deploy, set, deployer, events, end } = await opened();
    await deploy('v1');
    await set({ ...ON, message: 'One.', by: 'ada' });
    const [first] = (await unwrap(deployer.stages.list(DEV))).items;
    await world.clock.advance(1_000);
    await set({ ...ON, message: 'One.', by: 'bob' });
    expect(await events('stage.maintenance')).toHaveLength(1);
    const changed = await set({ ...ON, message: 'Two.', by: 'bob' });
    expect(changed.maintenance).toMatchObject({ message: 'Two.', by: 'bob', since: first?.maintenance?.since });
    await set({ ...OFF, by: 'ada' });
    await set(OFF);
    const said = await events('stage.maintenance');
    expect(said.map(({ maintenance, by }) => [(maintenance as { message: string } | null)?.message, by])).toEqual([
      ['One.', 'ada'],
      ['Two.', 'bob'],
      [undefined, 'ada'],
    ]);
    const audit = (await unwrap(deployer.audit.list({ act: 'maintenance' }))).items;
    expect(audit.map(({ by, detail, stage }) => [by, detail, stage])).toEqual([
      ['ada', 'off', 'dev'],
      ['bob', 'on: Two.', 'dev'],
      ['ada', 'on: One.', 'dev'],
    ]);
    await end();
  });

  it('is put again where the proxy has lost it and it is asked for again', async () => {
    const { world, deploy, set, statuses, end } = await opened();
    await deploy('v1');
    await set(ON);
    const held = await unwrap(world.proxy.get(CUSTOM, FOREVER));
    const { holding: _lost, ...rest } = held ?? { domain: CUSTOM, mark: null, targets: [] };
    world.proxy.disturb(CUSTOM, rest);
    expect(statuses(CUSTOM)).toEqual([200]);
    await set(ON);
    expect(statuses(CUSTOM)).toEqual([503]);
    await end();
  });

  it.each([
    ['a line break', { ...ON, message: 'two\nlines' }, 'message'],
    ['too much', { ...ON, message: 'x'.repeat(501) }, 'message'],
    ['no words', { ...ON, message: '  ' }, 'message'],
    ['no time at all', { ...ON, retryAfterMs: 0 }, 'retryAfterMs'],
    ['a year', { ...ON, retryAfterMs: '365d' }, 'retryAfterMs'],
    ['a message that nobody will see', { ...OFF, message: 'Hello.' }, 'message'],
    ['neither on nor off', DEV, 'on'],
  ])('refuses %s, and names the field', async (_what, request, path) => {
    const { refused, end } = await opened();
    const error = await refused(request);
    expect([error.kind, error.message.includes(path)]).toEqual(['invalid-request', true]);
    await end();
  });

  it('is refused where the proxy cannot hold, and nothing was touched', async () => {
    const { world, deploy, refused, deployer, set, end } = await opened({}, { holding: false });
    await deploy('v1');
    const puts = world.proxy.routes.get(DEFAULT);
    expect(await refused(ON)).toMatchObject({ kind: 'unsupported', message: expect.stringContaining('holding') });
    expect(world.proxy.routes.get(DEFAULT)).toBe(puts);
    expect((await unwrap(deployer.stages.list())).items[0]?.maintenance).toBeNull();
    expect((await set(OFF)).maintenance).toBeNull();
    await end();
  });

  it('is refused for a stage that has no route, and for one that nobody knows', async () => {
    const { refused, end } = await opened({ projects: { shop: { image: IMAGE, stages: { dev: {} } } } });
    expect((await refused(ON)).kind).toBe('unsupported');
    expect((await refused({ ...ON, stage: 'nosuch' })).kind).toBe('unknown-stage');
    expect((await refused({ ...OFF, stage: 'nosuch' })).kind).toBe('unknown-stage');
    expect((await refused({ ...OFF, project: 'nosuch' })).kind).toBe('unknown-project');
    await end();
  });
});

describe('a stage in maintenance', () => {
  it('is deployed to and rolled back, and holds its visitors all the while', async () => {
    const { world, deploy, set, statuses, until, deployer, end } = await opened();
    await deploy('v1');
    await set(ON);
    const put = world.proxy.put.bind(world.proxy);
    const seen: number[] = [];
    world.proxy.put = (route, options) => put(route, options).map(() => void seen.push(...statuses(DEFAULT, CUSTOM)));
    await deploy('v2');
    await until(unwrap(deployer.rollBack(DEV)));
    expect([seen.length > 4, new Set(seen)]).toEqual([true, new Set([503])]);
    expect(statuses(TAGGED('v1'), TAGGED('v2'))).toEqual([200, 200]);
    await set(OFF);
    expect(world.proxy.request(DEFAULT)).toMatchObject({ status: 200 });
    await end();
  });

  it('holds its visitors past a deployment that fails', async () => {
    const { world, deploy, set, statuses, until, deployer, end } = await opened();
    await deploy('v1');
    await set(ON);
    world.engine.push(`${IMAGE}:bad`, { status: 500 });
    expect((await until(deployer.deploy({ ...DEV, tag: 'bad' }))).isErr()).toBe(true);
    await world.clock.advance(60_000);
    expect(statuses(DEFAULT, CUSTOM, TAGGED('v1'))).toEqual([503, 503, 200]);
    await end();
  });

  it('needs no shares: all requests move at once, as nobody comes', async () => {
    const cutover = { steps: [{ weight: 10, holdMs: 3_600_000 }] };
    const { world, deploy, set, statuses, end } = await opened(
      { projects: { shop: { image: IMAGE, stages: { dev: { ...STAGE, cutover } } } } },
      { weights: true },
    );
    await deploy('v1');
    await set(ON);
    const before = world.clock.now();
    await deploy('v2');
    expect(world.clock.now() - before).toBeLessThan(600_000);
    expect(statuses(DEFAULT, CUSTOM)).toEqual([503, 503]);
    await end();
  });

  it('that was never deployed holds the visitors of its first deployment', async () => {
    const { deploy, set, statuses, deployer, end } = await opened();
    const known = await set(ON);
    expect(known).toMatchObject({ current: null, maintenance: { by: null } });
    await deploy('v1');
    expect(statuses(DEFAULT, CUSTOM, TAGGED('v1'))).toEqual([503, 503, 200]);
    await set(OFF);
    expect(statuses(DEFAULT, CUSTOM)).toEqual([200, 200]);
    expect((await unwrap(deployer.stages.list(DEV))).items[0]?.maintenance).toBeNull();
    await end();
  });

  it('that was never deployed is forgotten when it is lifted', async () => {
    const { set, deployer, end } = await opened();
    await set(ON);
    await set(OFF);
    expect((await unwrap(deployer.stages.list())).items).toEqual([]);
    await end();
  });

  it('ends it when it is removed, and says so', async () => {
    const { world, deploy, set, until, deployer, events, statuses, end } = await opened();
    await deploy('v1');
    await set(ON);
    await until(unwrap(deployer.remove(DEV)));
    await world.clock.advance(60_000);
    expect((await events('stage.maintenance')).at(-1)).toMatchObject({ maintenance: null });
    await deploy('v2');
    expect(statuses(DEFAULT)).toEqual([200]);
    await end();
  });

  it('waits for what runs on the stage', async () => {
    const { world, deploy, deployer, until, statuses, end } = await opened();
    await deploy('v1');
    const deploying = deployer.deploy({ ...DEV, tag: 'v2' });
    const holding = deployer.maintenance(ON);
    expect((await until(deploying)).isOk()).toBe(true);
    expect((await until(holding)).isOk()).toBe(true);
    await world.clock.advance(60_000);
    expect(statuses(DEFAULT)).toEqual([503]);
    await end();
  });

  it('can begin and end while its instance does not run', async () => {
    const { world, deploy, set, statuses, told, end, deployer } = await opened({ recover: 'manual' });
    await deploy('v1');
    const [instance] = (await unwrap(deployer.instances.list())).items;
    const name = instance?.container ?? '';
    world.engine.kill(name);
    await set(ON);
    expect([statuses(DEFAULT), await told()]).toEqual([[503], expect.objectContaining({ retryAfterMs: 300_000 })]);
    await set(OFF);
    expect(await told()).toBeUndefined();
    await unwrap(world.runtime.start({ name, owner: owner(world, name) }, FOREVER));
    await end();
  });

  it('is not deployed to by a proxy that cannot hold, which would let visitors in', async () => {
    const { world, deploy, set, until, deployer } = await opened();
    await deploy('v1');
    await set(ON);
    await until(deployer.close());
    const proxy = Object.create(world.proxy, {
      capabilities: { value: { ...world.proxy.capabilities, holding: false } },
    });
    const other = await deployerIn(world, { proxy, projects: PROJECTS, store: world.store.connect() });
    const answer = await until(other.deploy({ ...DEV, tag: 'v2' }));
    expect(answer._unsafeUnwrapErr()).toMatchObject({
      kind: 'unsupported',
      hint: expect.stringContaining('off shop dev'),
    });
    await until(other.close());
    expect(await brokenPromises(world)).toEqual([]);
  });
});

const owner = (world: { readonly engine: { readonly containers: ReadonlyMap<string, unknown> } }, name: string) =>
  (world.engine.containers.get(name) as { readonly spec: { readonly owner: never } }).spec.owner;

describe('what others do to a stage in maintenance', () => {
  it('a route that does not tell visitors so is put again, and told', async () => {
    const { world, deploy, set, until, deployer, statuses, events, end } = await opened();
    await deploy('v1');
    await set(ON);
    const held = await unwrap(world.proxy.get(DEFAULT, FOREVER));
    const { holding: _lost, ...rest } = held ?? { domain: DEFAULT, mark: null, targets: [] };
    world.proxy.disturb(DEFAULT, rest);
    expect(statuses(DEFAULT)).toEqual([200]);
    const watch = await until(unwrap(deployer.watch()));
    await world.clock.advance(120_000);
    expect(statuses(DEFAULT)).toEqual([503]);
    expect(await events('route.changed')).toEqual([expect.objectContaining({ putBack: true })]);
    await until(watch.stop());
    await end();
  });

  it('a route that holds visitors and should not lets them in again', async () => {
    const { world, deploy, until, deployer, statuses, end } = await opened();
    await deploy('v1');
    const held = await unwrap(world.proxy.get(DEFAULT, FOREVER));
    if (held) world.proxy.disturb(DEFAULT, { ...held, holding: { message: 'Gone fishing.', retryAfterMs: 1_000 } });
    expect(statuses(DEFAULT)).toEqual([503]);
    await until(unwrap(deployer.recover()));
    expect(statuses(DEFAULT)).toEqual([200]);
    await end();
  });

  it('a container that came back elsewhere is led to, and visitors stay held', async () => {
    const { world, deploy, set, until, deployer, statuses, told, end } = await opened();
    await deploy('v1');
    await set(ON);
    const watch = await until(unwrap(deployer.watch()));
    const [instance] = (await unwrap(deployer.instances.list())).items;
    const name = instance?.container ?? '';
    world.engine.restart();
    await world.clock.advance(120_000);
    const at = [...(await unwrap(world.proxy.get(DEFAULT, FOREVER)))!.targets];
    expect(world.engine.connect(at[0]?.host ?? '', at[0]?.port ?? 0)?.container.spec.name).toBe(name);
    expect([statuses(DEFAULT), (await told())?.retryAfterMs]).toEqual([[503], 300_000]);
    await until(watch.stop());
    await set(OFF);
    expect(statuses(DEFAULT)).toEqual([200]);
    await end();
  });
});

describe('a change of maintenance that fails', () => {
  const CASES = [
    ['put', 1],
    ['put', 2],
    ['prove', 1],
    ['prove', 2],
  ] as const;
  it.each(CASES)('puts back what was: %s, call %i', async (method, call) => {
    for (const kind of ['fail-before', 'fail-after', 'hang'] as const) {
      const faulty = faultyWorld();
      const { world } = faulty;
      push(world, 'v1');
      const deployer = await deployerIn(world, { ...faulty.ports, projects: PROJECTS, recover: 'manual' });
      await settled(world, deployer, 'v1');
      faulty.arm({ port: 'proxy', method, call, fault: { kind } });
      const answer = await world.clock.until(deployer.maintenance(ON), 600_000);
      expect([kind, answer.isErr(), faulty.hasStruck]).toEqual([kind, true, true]);
      faulty.arm(null);
      await world.clock.advance(60_000);
      expect([DEFAULT, CUSTOM].map((domain) => world.proxy.request(domain).status)).toEqual([200, 200]);
      expect((await unwrap(deployer.stages.list())).items[0]?.maintenance).toBeNull();
      expect((await unwrap(deployer.audit.list({ act: 'maintenance' }))).items).toEqual([]);
      // And of one that was on, the other way round.
      expect((await world.clock.until(deployer.maintenance(ON), 600_000)).isOk()).toBe(true);
      faulty.arm({ port: 'proxy', method, call, fault: { kind } });
      expect((await world.clock.until(deployer.maintenance(OFF), 600_000)).isErr()).toBe(true);
      faulty.arm(null);
      await world.clock.advance(60_000);
      expect([DEFAULT, CUSTOM].map((domain) => world.proxy.request(domain).status)).toEqual([503, 503]);
      await world.clock.until(deployer.close());
      expect(await brokenPromises(world)).toEqual([]);
    }
  });

  it('finds out a proxy that takes it and does not hold', async () => {
    const { world, deploy, refused, statuses, end } = await opened();
    await deploy('v1');
    world.proxy.lie(true);
    expect((await refused(ON)).kind).toBe('route-unproved');
    world.proxy.lie(false);
    expect(statuses(DEFAULT, CUSTOM)).toEqual([200, 200]);
    await end();
  });

  it('taken back by an abort of who asked', async () => {
    const { world, deploy, deployer, until, statuses, end } = await opened();
    await deploy('v1');
    const asking = new AbortController();
    const put = world.proxy.put.bind(world.proxy);
    world.proxy.put = (route, options) =>
      put(route, options).map(() => {
        world.proxy.put = put;
        asking.abort();
      });
    const answer = await until(deployer.maintenance(ON, { signal: asking.signal }));
    expect(answer._unsafeUnwrapErr().kind).toBe('aborted');
    await world.clock.advance(60_000);
    expect(statuses(DEFAULT, CUSTOM)).toEqual([200, 200]);
    await end();
  });
});
