/** What is done before its turn, so that a deployment does not take longer than it must: and that it is done no earlier than it may. */
import { err, ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { brokenPromises, DEV, deployerIn, IMAGE, push, settled } from '../deployer/testbed.js';
import type { Deployer } from '../deployer/types.js';
import { type AbortedError, aborted, unwrap } from '../domain/errors.js';
import type { JournalRecord } from '../domain/records.js';
import type { ProxyError } from '../ports/proxy-manager.js';
import type { Change, Store } from '../ports/store.js';
import { type MemoryWorld, memoryWorld, outage, withFaults } from '../testing/index.js';

const FOREVER = { signal: new AbortController().signal };

/** Answers once it is broken off. */
const never = (signal: AbortSignal): ResultAsync<never, AbortedError> =>
  new ResultAsync(
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(err(aborted('Proving', signal.reason))), { once: true });
    }),
  );

const openSteps = async (store: Store) =>
  (await unwrap(store.list('journals', {}, FOREVER))).flatMap(({ value }) => value.entries.map(({ step }) => step));

/** A runtime that first looks at what the journal says. */
function watched(world: MemoryWorld, methods: readonly ('create' | 'start')[]) {
  const seen: Record<string, readonly string[]> = {};
  const runtime = new Proxy(world.runtime, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function' || !methods.some((each) => each === property)) return value;
      return (...args: unknown[]) =>
        ResultAsync.fromSafePromise(openSteps(world.store)).andThen((steps) => {
          seen[String(property)] ??= steps;
          return Reflect.apply(value, target, args);
        });
    },
  });
  return { runtime, seen };
}

describe('intents that can be foreseen', () => {
  it('are in the journal with the first of them, and cost no commit of their own', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const { runtime, seen } = watched(world, ['create', 'start']);
    let journalWrites = 0;
    const store: Store = {
      ...world.store,
      commit(changes, options) {
        if (changes.some((change) => 'collection' in change && change.collection === 'journals')) journalWrites += 1;
        return world.store.commit(changes, options);
      },
    };
    const deployer = await deployerIn(world, { runtime, store });
    await settled(world, deployer, 'v1');
    expect(seen['create']).toEqual(['claim', 'pull', 'create', 'start', 'route']);
    expect(seen['start']).toEqual(seen['create']);
    // The claim with the pull, the three of the container, the cutover, and the end.
    expect(journalWrites).toBeLessThanOrEqual(5);
    await world.clock.until(deployer.close());
  });

  it('are in the journal with the claim where the engine has the image', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    await world.clock.until(unwrap(world.runtime.pull(`${IMAGE}:v1`, FOREVER)));
    const written: (readonly string[])[] = [];
    const store: Store = {
      ...world.store,
      commit(changes, options) {
        for (const change of changes)
          if ('collection' in change && change.collection === 'journals' && 'record' in change)
            written.push((change.record as JournalRecord).entries.map(({ step }) => step));
        return world.store.commit(changes, options);
      },
    };
    const deployer = await deployerIn(world, { store });
    await settled(world, deployer, 'v1');
    expect(written[0]).toEqual(['claim', 'create', 'start', 'route']);
    expect(await brokenPromises(world)).toEqual([]);
    await world.clock.until(deployer.close());
  });

  it('are no reason to look for what was never begun', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const engine = withFaults(world.runtime, { clock: world.clock, error: outage.runtime });
    const proxy = withFaults(world.proxy, { clock: world.clock, error: outage.proxy });
    const deployer = await deployerIn(world, { runtime: engine.port, proxy: proxy.port });
    const looks = () => proxy.calls('get');
    engine.inject('start', { kind: 'fail-before' });
    engine.inject('remove', { kind: 'fail-before' });
    let looksBefore = 0;
    deployer.on('deployment.rolling-back', () => {
      looksBefore = looks();
    });
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }));
    const { deployment } = answer._unsafeUnwrapErr();
    expect(looks()).toBe(looksBefore);
    expect(deployment?.left.map((text) => text.split(' ')[0])).toEqual([
      'container',
      'network',
      'image',
      'domain',
      'domain',
    ]);
    expect(deployment?.steps.map(({ name }) => name)).toEqual(['pull', 'create', 'start']);
    await world.clock.advance(120_000);
    await world.clock.until(deployer.close());
    expect(await brokenPromises(world)).toEqual([]);
  });

  it("do not hold a proxy's one lease while the container starts", async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const { runtime, seen } = watched(world, ['create', 'start']);
    const serial = Object.create(world.proxy, { writes: { value: 'serial' } }) as typeof world.proxy;
    const deployer = await deployerIn(world, { runtime, proxy: serial });
    await settled(world, deployer, 'v1');
    expect(seen['start']).toEqual(['claim', 'pull', 'create', 'start']);
    await world.clock.until(deployer.close());
    expect(await brokenPromises(world)).toEqual([]);
  });
});

describe('the proof of a route that is there', () => {
  /** A deployment whose cutover's intent is written slowly: what the proxy was asked meanwhile, and what became of the question. */
  async function slowly(ending: 'works' | 'fails') {
    const world = memoryWorld();
    push(world, 'v1');
    const order: string[] = [];
    const store = withFaults(world.store, { clock: world.clock, error: outage.store });
    const isCutover = (change: Change) =>
      'collection' in change &&
      change.collection === 'journals' &&
      'record' in change &&
      (change.record as JournalRecord).entries.some(({ step, state }) => step === 'cutover' && state === 'open');
    const slow: Store = {
      ...store.port,
      commit(changes, options) {
        if (!changes.some(isCutover)) return store.port.commit(changes, options);
        order.push('intent');
        const fault =
          ending === 'works' ? ({ kind: 'slow', ms: 40, when: 'before' } as const) : { kind: 'throw' as const };
        store.inject('commit', fault);
        return store.port.commit(changes, options).map((receipt) => {
          order.push('written');
          return receipt;
        });
      },
    };
    const proxy: MemoryWorld['proxy'] = {
      ...world.proxy,
      prove(route, request, options) {
        order.push(`proves ${route.domain.includes('-v1.') ? 'tagged' : 'default'}`);
        options.signal.addEventListener('abort', () => order.push('broken off'), { once: true });
        return ending === 'works' ? world.proxy.prove(route, request, options) : never(options.signal);
      },
    };
    const deployer = await deployerIn(world, { store: slow, proxy });
    await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }));
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
    return order;
  }

  it('begins while the intent of the cutover is written, and is not asked for twice', async () => {
    const order = await slowly('works');
    expect(order.slice(0, 4)).toEqual(['proves tagged', 'intent', 'written', 'proves default']);
    expect(order.filter((each) => each === 'proves tagged')).toHaveLength(1);
  });

  it('is broken off where that cannot be written', async () => {
    expect((await slowly('fails')).slice(0, 3)).toEqual(['proves tagged', 'intent', 'broken off']);
  });
});

describe('the first look of the health check', () => {
  /** A deployment whose new route is put slowly: what was asked meanwhile, and whether it was broken off. */
  async function slowly(put: 'works' | 'fails') {
    const world = memoryWorld();
    push(world, 'v1');
    const order: string[] = [];
    const faulty = withFaults(world.proxy, { clock: world.clock, error: outage.proxy });
    faulty.inject('put', { kind: 'slow', ms: 40, when: 'after' });
    const proxy: MemoryWorld['proxy'] = {
      ...world.proxy,
      put(route, options) {
        const tagged = route.domain.includes('-v1.');
        const answer = tagged && put === 'fails' ? faultyAfter(40) : faulty.port.put(route, options);
        return answer
          .andTee(() => {
            if (tagged) order.push('put');
          })
          .orTee(() => {
            order.push('not put');
          });
      },
    };
    const faultyAfter = (ms: number) =>
      new ResultAsync<void, ProxyError>(
        new Promise((resolve) => {
          world.clock.after(ms, () => resolve(err(outage.proxy)));
        }),
      );
    const probe: MemoryWorld['probe'] = {
      ...world.probe,
      check(request, options) {
        order.push('asked');
        options.signal.addEventListener('abort', () => order.push('broken off'), { once: true });
        return put === 'works' ? world.probe.check(request, options) : never(options.signal);
      },
    };
    const deployer = await deployerIn(world, { proxy, probe });
    await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }));
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
    expect(await brokenPromises(world)).toEqual([]);
    return order;
  }

  it('is taken while the new route is put, and not once more', async () => {
    expect(await slowly('works')).toEqual(['asked', 'put']);
  });

  it('is broken off where that is not put', async () => {
    expect((await slowly('fails')).slice(0, 3)).toEqual(['asked', 'not put', 'broken off']);
  });
});

describe('what a tag means', () => {
  /** What the store and the registry were asked for, in their order. */
  async function asked(world: MemoryWorld, deploy: (deployer: Deployer) => Promise<unknown>) {
    const order: string[] = [];
    const slow = withFaults(world.store, { clock: world.clock, error: outage.store });
    const store: Store = {
      ...slow.port,
      commit(changes, options) {
        const written = changes
          .flatMap((change) =>
            change.op === 'insert' && ['deployments', 'leases'].includes(change.collection) ? [change.collection] : [],
          )
          .join(' with ');
        if (written) slow.inject('commit', { kind: 'slow', ms: 40, when: 'before' });
        return slow.port.commit(changes, options).map((receipt) => {
          if (written) order.push(written);
          return receipt;
        });
      },
    };
    const registry: MemoryWorld['registry'] = {
      ...world.registry,
      resolve(reference, options) {
        order.push('resolve');
        return world.registry.resolve(reference, options);
      },
    };
    const deployer = await deployerIn(world, { store, registry });
    await deploy(deployer);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
    return order;
  }

  it('is asked for once, while the request is stored with the lease', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const order = await asked(world, (deployer) => settled(world, deployer, 'v1'));
    expect(order.slice(0, 2)).toEqual(['resolve', 'leases with deployments']);
    expect(order.filter((each) => each === 'resolve')).toHaveLength(1);
  });

  it('is asked for when the request is stored where it may be refused, and not at all where it is', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const order = await asked(world, async (deployer) => {
      const request = { ...DEV, tag: 'v1', policy: 'reject' } as const;
      const first = deployer.deploy(request);
      const second = await world.clock.until(deployer.deploy(request));
      expect(second.isErr()).toBe(true);
      await world.clock.until(unwrap(first));
    });
    expect(order.slice(0, 2)).toEqual(['deployments', 'resolve']);
    expect(order.filter((each) => each === 'resolve')).toHaveLength(1);
  });

  it('is asked for again by whoever had to wait in this host’s own line', async () => {
    const world = memoryWorld();
    world.engine.push(`${IMAGE}:v1`, { listensAfterMs: 4_000 });
    world.engine.push(`${IMAGE}:latest`, { body: 'old' });
    await asked(world, async (deployer) => {
      // Both are on their way to the store at once: neither is in front yet.
      const running = deployer.deploy({ ...DEV, tag: 'v1' });
      const waiting = deployer.deploy({ ...DEV, tag: 'latest' });
      await world.clock.advance(1_000);
      world.engine.push(`${IMAGE}:latest`, { body: 'new' });
      const { digest } = await unwrap(world.registry.resolve(`${IMAGE}:latest`, FOREVER));
      await world.clock.until(unwrap(running));
      expect(await world.clock.until(unwrap(waiting))).toMatchObject({ status: 'succeeded', digest });
    });
  });

  it('is not waited for by a request that cannot be stored', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const broken: AbortSignal[] = [];
    const registry: MemoryWorld['registry'] = {
      ...world.registry,
      resolve(_reference, { signal }) {
        broken.push(signal);
        return never(signal);
      },
    };
    const faulty = withFaults(world.store, { clock: world.clock, error: outage.store });
    const deployer = await deployerIn(world, { store: faulty.port, registry });
    faulty.inject('commit', { kind: 'fail-before' });
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }));
    expect(answer._unsafeUnwrapErr().kind).toBe('store-unavailable');
    expect(broken.map(({ aborted }) => aborted)).toEqual([true]);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });

  it('is asked for again after somebody else had the stage', async () => {
    const world = memoryWorld();
    world.engine.push(`${IMAGE}:v1`, { listensAfterMs: 4_000 });
    world.engine.push(`${IMAGE}:latest`, { body: 'old' });
    const first = await deployerIn(world);
    const second = await deployerIn(world, { store: world.store.connect() });
    const running = first.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(500);
    const waiting = second.deploy({ ...DEV, tag: 'latest' });
    await world.clock.advance(1_000);
    world.engine.push(`${IMAGE}:latest`, { body: 'new' });
    const { digest } = await unwrap(world.registry.resolve(`${IMAGE}:latest`, FOREVER));
    await world.clock.until(unwrap(running));
    expect(await world.clock.until(unwrap(waiting))).toMatchObject({ status: 'succeeded', digest });
    await world.clock.until(first.close());
    await world.clock.until(second.close());
    expect(world.clock.pending).toBe(0);
  });
});

describe('the look beside a start', () => {
  /** An engine whose start takes a while; asked meanwhile, it answers when that is through, or at once. */
  function slowlyStarted(world: MemoryWorld, asked: 'waits' | 'answers at once') {
    const { clock, runtime } = world;
    const calls: string[] = [];
    let started: Promise<unknown> | undefined;
    const slow = {
      ...runtime,
      start: (...[ref, options]: Parameters<typeof runtime.start>) => {
        calls.push('start');
        started = new Promise((resolve) => clock.after(100, () => resolve(undefined)));
        return ResultAsync.fromSafePromise(started).andThen(() => {
          calls.push('started');
          return runtime.start(ref, options);
        });
      },
      inspect: (...[name, options]: Parameters<typeof runtime.inspect>) => {
        calls.push('inspect');
        return ResultAsync.fromSafePromise(Promise.resolve(asked === 'waits' ? started : undefined)).andThen(() =>
          runtime.inspect(name, options),
        );
      },
    };
    return { slow, calls };
  }

  it('is the answer that the route needs, where the engine waits for the start', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const { slow, calls } = slowlyStarted(world, 'waits');
    const deployer = await deployerIn(world, { runtime: slow });
    await settled(world, deployer, 'v1');
    expect(calls.slice(0, 3)).toEqual(['start', 'inspect', 'started']);
    // The next two looks are the cutover's: that it is where it was healthy, and that it has not moved since.
    expect(calls.filter((call) => call === 'inspect')).toHaveLength(3);
    expect(await brokenPromises(world)).toEqual([]);
    await world.clock.until(deployer.close());
  });

  it('is asked again where the engine has answered before the start was through', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const { slow, calls } = slowlyStarted(world, 'answers at once');
    const deployer = await deployerIn(world, { runtime: slow });
    await settled(world, deployer, 'v1');
    expect(calls.slice(0, 4)).toEqual(['start', 'inspect', 'started', 'inspect']);
    expect(await brokenPromises(world)).toEqual([]);
    await world.clock.until(deployer.close());
  });
});
