/** The rules of undoing what others have left, one by one: each was seen to fail without the code behind it. */
import { errAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { brokenPromises, DEFAULT, DEV, deployerIn, IMAGE, mortalWorld, push, settled } from '../deployer/testbed.js';
import { unwrap } from '../domain/errors.js';
import type { JournalEntry } from '../domain/records.js';
import {
  another,
  DEATHS,
  type Death,
  died,
  events,
  FOREVER,
  hasContainer,
  log,
  NOTHING,
  record,
  recovered,
  TTL_MS,
} from '../recovery/testbed.js';
import { type MemoryWorld, memoryProxy, memoryWorld, outage, withFaults } from '../testing/index.js';

const TAGGED = 'stage-dev-shop-v2.apps.test';
const V1 = { status: 200, instance: expect.any(String) };

/** A proxy that fails in what is asked of it, as long as it is told to. */
function flaky(world: MemoryWorld, fails: (method: string, first: never) => boolean) {
  const plan = ({ method, args }: { readonly method: string; readonly args: readonly unknown[] }) =>
    fails(method, args[0] as never) ? ({ kind: 'fail-before' } as const) : undefined;
  return withFaults(world.proxy, { clock: world.clock, error: outage.proxy, plan: plan as never }).port;
}

/** The journal as a host would have left it that had heard of the end of every step but `open`. */
async function rewrite(
  world: MemoryWorld,
  id: string,
  cut: (entries: readonly JournalEntry[]) => readonly JournalEntry[],
  open?: string,
): Promise<void> {
  const store = world.store.connect();
  const stored = await unwrap(store.get('journals', id, FOREVER));
  if (!stored) throw new Error('there is no journal');
  const entries = cut(stored.value.entries).map(
    (entry): JournalEntry => ({ ...entry, state: entry.step === open ? 'open' : 'done' }),
  );
  const { version } = stored;
  await unwrap(
    store.commit([{ op: 'put', collection: 'journals', record: { ...stored.value, entries }, version }], FOREVER),
  );
}

describe('what was sent and is not answered', () => {
  const LATE = { lateMs: TTL_MS + 1_000 };
  const own = (networks: string[]) => ({
    projects: { shop: { image: IMAGE, stages: { dev: { port: 3000, networks } } } },
  });
  const cases: { readonly [what: string]: { readonly death: Death; readonly networks?: string[] } } = {
    'a pull': { death: { ...DEATHS.pulling, when: LATE } },
    'a container': { death: { ...DEATHS.creating, when: LATE } },
    'its network': { death: { port: 'runtime', method: 'ensureNetwork', when: LATE }, networks: ['own'] },
    'a further network': { death: { port: 'runtime', method: 'ensureNetwork', when: LATE }, networks: ['apps', 'own'] },
    'a tagged route': { death: { ...DEATHS.routed, when: LATE } },
    'the cutover': { death: { ...DEATHS.moving, when: LATE } },
  };
  it.each(Object.keys(cases))('%s: arrives after the lease was taken over, and leaves nothing', async (what) => {
    const { death, networks } = cases[what] as (typeof cases)[string];
    const before = networks ? [] : ['v1'];
    const { world, id } = await died(death, { before, ...(networks ? { options: own(networks) } : {}) });
    const next = await another(world);
    expect(await recovered(world, next)).toEqual({ ...NOTHING, settled: [{ deployment: id, status: 'failed' }] });
    await world.clock.advance(60_000);
    await world.clock.until(next.close());
    expect(hasContainer(world, id)).toBe(false);
    expect([...world.engine.networks.keys()]).toEqual(['apps']);
    expect(world.engine.images.size).toBe(before.length);
    expect(world.proxy.request(TAGGED).status).toBe(404);
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('a container that a start was making anew, too', async () => {
    const world = memoryWorld();
    const { start } = world.runtime;
    let isGone = true;
    Object.assign(world.runtime, {
      start: ((...args) => {
        if (!isGone) return start(...args);
        isGone = false;
        return errAsync({ kind: 'network-missing', message: 'gone', hint: '', retryable: false });
      }) satisfies typeof start,
    });
    let creates = 0;
    const second = () => ++creates === 2;
    const death = { port: 'runtime', method: 'create', when: LATE, if: second } as const;
    const { id } = await died(death, { world, before: [] });
    await rewrite(world, id, (all) => all.slice(0, all.findIndex(({ step }) => step === 'start') + 1), 'start');
    const next = await another(world);
    expect(await recovered(world, next)).toMatchObject({ settled: [{ deployment: id }] });
    await world.clock.advance(60_000);
    expect(hasContainer(world, id)).toBe(false);
    await world.clock.until(next.close());
  });

  it.each([
    ['create', { ...DEATHS.creating, when: LATE }, ['apps']],
    ['connect', { port: 'runtime', method: 'ensureNetwork', when: LATE }, ['apps', 'own']],
  ] as const)('leaves nothing by the entry of %s alone', async (step, death, networks) => {
    const { world, id } = await died(death, { before: [], options: own([...networks]) });
    await rewrite(
      world,
      id,
      (entries) => entries.slice(0, entries.findIndex((entry) => entry.step === step) + 1),
      step,
    );
    const next = await another(world);
    expect(await recovered(world, next)).toMatchObject({ settled: [{ deployment: id }] });
    await world.clock.advance(60_000);
    expect(hasContainer(world, id)).toBe(false);
    expect([...world.engine.networks.keys()]).toEqual(['apps']);
    await world.clock.until(next.close());
  });

  it('of an undo keeps its entry open: it is not believed at once that nothing is there', async () => {
    // The removal of the container is not answered, and the container is made late after all.
    const { world, id } = await died({ ...DEATHS.creating, when: { lateMs: TTL_MS + 40_000 } });
    let isDown = true;
    const runtime = withFaults(world.runtime, {
      clock: world.clock,
      error: outage.runtime,
      plan: ({ method }) => (isDown && method === 'remove' ? { kind: 'fail-before' } : undefined),
    }).port;
    await rewrite(world, id, (entries) => entries);
    const next = await another(world, { runtime });
    expect(await recovered(world, next)).toMatchObject({ unfinished: [id] });
    const journal = await record(world, 'journals', id);
    expect(journal?.entries.filter(({ step }) => step === 'create')).toMatchObject([{ state: 'open' }]);
    isDown = false;
    await world.clock.until(next.close());
  });
});

describe('a failed undo', () => {
  it('stops the undo of all earlier steps, and later attempts go on there, newest first', async () => {
    const { world, id } = await died(DEATHS.moved);
    let isDown = true;
    const next = await another(world, { proxy: flaky(world, (method) => isDown && method === 'put') });
    expect(await recovered(world, next)).toMatchObject({ unfinished: [id], settled: [] });
    // The default still leads there: without its container nobody would answer.
    expect(world.proxy.request(DEFAULT)).toEqual({ status: 200, instance: id });
    const steps = (await record(world, 'journals', id))?.entries.map(({ step }) => step);
    expect(steps?.slice(-1)).toEqual(['cutover']);
    expect(steps).toContain('create');
    expect((await record(world, 'deployments', id))?.left[0]).toMatch(/^route .*, to lead back to instance /);
    await world.clock.until(next.close());
    isDown = false;
    const later = await another(world);
    const order: string[] = [];
    const emit = world.engine.emit.bind(world.engine);
    world.engine.emit = (event) => {
      emit(event);
      if (event.type === 'removed') order.push(`container at ${world.proxy.request(DEFAULT).instance}`);
    };
    expect(await recovered(world, later)).toMatchObject({ settled: [{ deployment: id }] });
    expect(order).toEqual([expect.not.stringContaining(id)]);
    expect(await events(world, 'deployment.cleaned')).toHaveLength(1);
    await world.clock.until(later.close());
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('of a newer deployment leaves what an older one has left, too', async () => {
    const { world, id: first } = await died(DEATHS.moved);
    let isDown = true;
    const proxy = flaky(
      world,
      (method, { domain }: { domain: string }) => isDown && method === 'put' && domain === DEFAULT,
    );
    const next = await another(world, { proxy });
    await recovered(world, next);
    await world.clock.until(next.close());
    // Of the second nothing but its container is left: also that stays up to the one before it.
    const { id: second } = await died(DEATHS.started, {
      world,
      before: [],
      options: { proxy },
      act: (deployer) => deployer.deploy({ ...DEV, tag: 'v3' }),
    });
    const stuck = withFaults(world.runtime, {
      clock: world.clock,
      error: outage.runtime,
      plan: ({ method }) => (isDown && method === 'remove' ? { kind: 'fail-before' } : undefined),
    }).port;
    const third = await another(world, { runtime: stuck });
    expect((await recovered(world, third)).unfinished.toSorted()).toEqual([first, second].toSorted());
    expect(world.proxy.request(DEFAULT)).toEqual({ status: 200, instance: first });
    await world.clock.until(third.close());
    isDown = false;
    const fourth = await another(world);
    expect((await recovered(world, fourth)).settled).toHaveLength(2);
    await world.clock.until(fourth.close());
    expect(await brokenPromises(world)).toEqual([]);
  });
});

describe('a cutover that was not committed', () => {
  const held = (instance: string | null, mark: string | null = null) => ({
    domain: DEFAULT,
    mark,
    targets: [{ instance, host: 'elsewhere', port: 1 }],
  });

  it.each(['next', 'previous', 'nothing'] as const)('leads back from %s', async (serves) => {
    const { world, id } = await died(serves === 'next' ? DEATHS.moved : DEATHS.moving);
    if (serves === 'nothing') world.proxy.disturb(DEFAULT, null);
    const next = await another(world);
    await recovered(world, next);
    expect(world.proxy.request(DEFAULT)).toEqual(V1);
    expect(world.proxy.request(DEFAULT).instance).not.toBe(id);
    await world.clock.until(next.close());
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('is left as a person has changed it, and that is told', async () => {
    const { world, id } = await died(DEATHS.moved);
    const mark = (await unwrap(world.proxy.get(DEFAULT, FOREVER)))?.mark ?? null;
    world.proxy.disturb(DEFAULT, held('a-person', mark));
    const next = await another(world);
    expect(await recovered(world, next)).toMatchObject({ settled: [{ deployment: id }] });
    expect((await unwrap(world.proxy.get(DEFAULT, FOREVER)))?.targets[0]?.instance).toBe('a-person');
    expect(await log(world, id)).toContain(`The route ${DEFAULT} was changed by somebody else and is left as it is.`);
    await world.clock.until(next.close());
  });

  it('is left where a proxy cannot name what a person has put there: the address tells', async () => {
    const { world, id } = await died(DEATHS.moved);
    const mark = (await unwrap(world.proxy.get(DEFAULT, FOREVER)))?.mark ?? null;
    world.proxy.disturb(DEFAULT, held(null, mark));
    const next = await another(world);
    expect(await recovered(world, next)).toMatchObject({ settled: [{ deployment: id }] });
    expect(await unwrap(world.proxy.get(DEFAULT, FOREVER))).toMatchObject({ targets: [{ host: 'elsewhere' }] });
    expect(await log(world, id)).toContain(`The route ${DEFAULT} was changed by somebody else and is left as it is.`);
    await world.clock.until(next.close());
  });

  it.each(['next', 'next, at an address that it has no more', 'previous'])(
    'leads back from %s at a proxy that names nobody',
    async (serves) => {
      const plain = memoryWorld();
      const reaches = [{ kind: 'address', node: plain.engine.node }] as const;
      const scene = { world: { ...plain, proxy: memoryProxy(plain.engine, { reaches }) } };
      const { world } = await died(serves === 'previous' ? DEATHS.moving : DEATHS.moved, scene);
      if (serves.includes('no more')) world.engine.restart();
      const get: typeof world.proxy.get = (domain, options) =>
        world.proxy
          .get(domain, options)
          .map((route) => route && { ...route, targets: route.targets.map((each) => ({ ...each, instance: null })) });
      const next = await another(world, { proxy: { ...world.proxy, get } });
      await recovered(world, next);
      expect(world.proxy.request(DEFAULT)).toEqual(V1);
      await world.clock.until(next.close());
      expect(await brokenPromises(world)).toEqual([]);
    },
  );

  it('that is left is told once, however often the others are tried', async () => {
    const domains = ['other.test'];
    const options = { projects: { shop: { image: IMAGE, stages: { dev: { port: 3000, domains } } } } };
    const { world, id } = await died(DEATHS.moved, { options });
    const mark = (await unwrap(world.proxy.get(DEFAULT, FOREVER)))?.mark ?? null;
    world.proxy.disturb(DEFAULT, held('a-person', mark));
    let reads = 0;
    const proxy = flaky(world, (method, domain: string) => method === 'get' && domain === 'other.test' && ++reads <= 3);
    const next = await another(world, { proxy, ...options });
    expect(await recovered(world, next)).toMatchObject({ unfinished: [id] });
    await world.clock.advance(600_000);
    expect(await record(world, 'journals', id)).toBeUndefined();
    const text = `The route ${DEFAULT} was changed by somebody else and is left as it is.`;
    expect((await log(world, id)).filter((line) => line === text)).toHaveLength(1);
    await world.clock.until(next.close());
  });

  it('leads back to where the last commit is by then', async () => {
    const { world, id } = await died(DEATHS.moved, {
      before: ['v1', 'v2'],
      act: (deployer) => deployer.rollBack(DEV),
    });
    const { instance: v1 } = world.proxy.request(DEFAULT);
    // It cannot be undone before the next roll back, which commits what it had only begun.
    let puts = 0;
    const proxy = flaky(world, (method) => method === 'put' && ++puts === 1);
    const next = await another(world, { proxy });
    const committed = await world.clock.until(unwrap(next.rollBack(DEV)), 600_000);
    expect(committed).toMatchObject({ status: 'succeeded', instance: v1 });
    expect(await recovered(world, next)).toMatchObject({ settled: [{ deployment: id, status: 'failed' }] });
    expect(world.proxy.request(DEFAULT).instance).toBe(v1);
    await world.clock.until(next.close());
    expect(await brokenPromises(world)).toEqual([]);
  });
});

describe('a lost lease', () => {
  it('undoes nothing: its new holder does', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    world.engine.push(`${IMAGE}:slow`, { listensAfterMs: 100_000 });
    const first = await deployerIn(world, { recover: 'manual' });
    await settled(world, first, 'v1');
    const deployment = first.deploy({ ...DEV, tag: 'slow' });
    await world.clock.advance(5_000);
    const store = world.store.connect();
    const [lease] = (await unwrap(store.list('leases', {}, FOREVER))).filter(({ value }) =>
      value.id.startsWith('stage:'),
    );
    if (!lease?.value.holder) throw new Error('nobody holds the stage');
    const taken = { ...lease.value, holder: 'another', token: lease.value.token + 1 };
    await unwrap(store.commit([{ op: 'put', collection: 'leases', record: taken, version: lease.version }], FOREVER));
    const answer = await world.clock.until(deployment, 600_000);
    expect(answer._unsafeUnwrapErr().kind).toBe('lease-lost');
    const [{ value: left } = { value: undefined }] = await unwrap(store.list('journals', {}, FOREVER));
    expect(left?.entries.map(({ step }) => step)).toContain('create');
    expect(hasContainer(world, left?.id ?? '')).toBe(true);
    const next = await another(world);
    expect(await recovered(world, next)).toMatchObject({ settled: [{ deployment: left?.id, status: 'failed' }] });
    await world.clock.until(Promise.all([first.close(), next.close()]));
    expect(await brokenPromises(world)).toEqual([]);
  });
});

describe('the instance that made room', () => {
  const ownerOf = (args: readonly unknown[]) => (args[0] as { owner: { deployment: string } }).owner.deployment;
  const options = {
    projects: { shop: { image: IMAGE, stages: { dev: { port: 3000, replace: 'stop-first' as const } } } },
  };

  it('is started again, and its routes lead to its new address', async () => {
    const { world } = await died(DEATHS.started, { options });
    expect(world.proxy.request(DEFAULT).status).toBe(502);
    const next = await another(world, options);
    await recovered(world, next);
    expect(world.proxy.request(DEFAULT)).toEqual(V1);
    const [at] = (await unwrap(world.proxy.get(DEFAULT, FOREVER)))?.targets ?? [];
    expect((await record(world, 'routes', DEFAULT))?.target).toEqual({ host: at?.host, port: at?.port });
    await world.clock.until(next.close());
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('is not started again once another deployment has taken its place', async () => {
    const { world, id } = await died(DEATHS.started, { options });
    const [v1] = (await unwrap(world.store.connect().list('instances', {}, FOREVER))).map(({ value }) => value.id);
    let isDown = true;
    const runtime = withFaults(world.runtime, {
      clock: world.clock,
      error: outage.runtime,
      plan: ({ method, args }) =>
        (isDown && method === 'remove' && ownerOf(args) === id) || (method === 'remove' && ownerOf(args) === v1)
          ? { kind: 'fail-before' }
          : undefined,
    }).port;
    const next = await another(world, { ...options, runtime });
    await world.clock.until(unwrap(next.deploy({ ...DEV, tag: 'v3' })), 600_000);
    await world.clock.advance(60_000);
    isDown = false;
    expect(await recovered(world, next)).toMatchObject({ settled: [{ deployment: id }], unfinished: [] });
    const states = [...world.engine.containers.values()].map(({ spec, state }) => [
      spec.owner.deployment === v1,
      state,
    ]);
    expect(states).toEqual([
      [true, 'exited'],
      [false, 'running'],
    ]);
    await world.clock.until(next.close());
  });
});

it('tells a deployment that died before it had begun anything why it ended', async () => {
  const world = memoryWorld();
  push(world, 'v1');
  // Submitted, and on its way with the stage's lease.
  const doomed = mortalWorld(world, { commit: 2, when: 'after' });
  const first = await deployerIn(world, doomed.ports);
  doomed.arm();
  const { id } = await unwrap(first.submit({ ...DEV, tag: 'v1', idempotencyKey: 'v1' }));
  await world.clock.until(doomed.death);
  doomed.bury();
  const next = await another(world);
  expect(await recovered(world, next)).toEqual({ ...NOTHING, settled: [{ deployment: id, status: 'failed' }] });
  expect(await log(world, id)).toEqual([
    expect.stringContaining('The host that ran it ended before its commit.'),
    'Everything it made is gone again.',
  ]);
  await world.clock.until(next.close());
});
