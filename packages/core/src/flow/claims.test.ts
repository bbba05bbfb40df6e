/** Who gets which domain, and what becomes of it: owners that meet, domains of others, and domains that come and go. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ProjectMap } from '../config/options.js';
import { brokenPromises, DEFAULT, DEV, deployerIn, faultyWorld, IMAGE, push, settled } from '../deployer/testbed.js';
import type { Deployer } from '../deployer/types.js';
import { unwrap } from '../domain/errors.js';
import { type MemoryWorld, memoryWorld } from '../testing/index.js';

const open: { world: MemoryWorld; deployer: Deployer }[] = [];
afterEach(async () => {
  for (const { world, deployer } of open.splice(0)) {
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  }
});

async function deployerOf(world: MemoryWorld, projects: ProjectMap | (() => ProjectMap[string]), options = {}) {
  const deployer = await deployerIn(world, { projects, ...options });
  open.push({ world, deployer });
  return deployer;
}

const domainsOf = async (deployer: Deployer) =>
  (await unwrap(deployer.routes.list())).items.map(({ domain, project, stage }) => ({ domain, project, stage }));

describe('owners that meet in one label', () => {
  it('get two domains: the second one has a hash', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const deployer = await deployerOf(world, {
      c: { image: IMAGE, stages: { 'a-b': { port: 3000 } } },
      'b-c': { image: IMAGE, stages: { a: { port: 3000 } } },
    });
    const first = await world.clock.until(unwrap(deployer.deploy({ project: 'c', stage: 'a-b', tag: 'v1' })));
    const second = await world.clock.until(unwrap(deployer.deploy({ project: 'b-c', stage: 'a', tag: 'v1' })));
    const domains = await domainsOf(deployer);
    expect(domains).toHaveLength(4);
    expect(world.proxy.request('stage-a-b-c.apps.test').instance).toBe(first.id);
    const hashed = domains.filter(({ project }) => project === 'b-c').map(({ domain }) => domain);
    for (const domain of hashed) {
      expect(domain).toMatch(/^stage-a-b-c(-v1)?-[0-9a-z]{6}\.apps\.test$/);
      expect(world.proxy.request(domain).instance).toBe(second.id);
    }
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('at the same moment, too', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const deployer = await deployerOf(world, {
      c: { image: IMAGE, stages: { 'a-b': { port: 3000 } } },
      'b-c': { image: IMAGE, stages: { a: { port: 3000 } } },
    });
    await world.clock.until(
      Promise.all([
        unwrap(deployer.deploy({ project: 'c', stage: 'a-b', tag: 'v1' })),
        unwrap(deployer.deploy({ project: 'b-c', stage: 'a', tag: 'v1' })),
      ]),
    );
    expect(new Set((await domainsOf(deployer)).map(({ domain }) => domain)).size).toBe(4);
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('two tags of one stage do not take the tagged route from each other', async () => {
    const world = memoryWorld();
    push(world, 'v1.2', 'v1-2');
    const deployer = await deployerOf(world, { shop: { image: IMAGE, stages: { dev: { port: 3000 } } } });
    await settled(world, deployer, 'v1.2');
    await settled(world, deployer, 'v1-2');
    const tagged = (await unwrap(deployer.routes.list())).items.filter(({ kind }) => kind === 'tagged');
    expect(new Set(tagged.map(({ instance }) => instance)).size).toBe(2);
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('whoever rolls back to a tag whose domain is taken since gets another one', async () => {
    const world = memoryWorld();
    push(world, 'v1.2', 'v1-2', 'v3');
    const deployer = await deployerOf(world, {
      shop: { image: IMAGE, stages: { dev: { port: 3000, maxInstances: 1 } } },
    });
    await settled(world, deployer, 'v1.2');
    await settled(world, deployer, 'v3');
    await settled(world, deployer, 'v1-2');
    const back = await world.clock.until(deployer.rollBack({ ...DEV, to: 'v1.2' }));
    expect(back.isOk()).toBe(true);
    await world.clock.advance(60_000);
    expect(world.proxy.request(DEFAULT).instance).toBe(back._unsafeUnwrap().instance);
    expect(await brokenPromises(world)).toEqual([]);
  });
});

describe('a domain of somebody else', () => {
  const custom = (domain: string) => ({ image: IMAGE, stages: { dev: { port: 3000, domains: [domain] } } });

  it("another stage's custom domain is domain-taken, and nothing is made", async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const deployer = await deployerOf(world, { one: custom('www.example.com'), two: custom('www.example.com') });
    const first = await world.clock.until(unwrap(deployer.deploy({ project: 'one', stage: 'dev', tag: 'v1' })));
    const answer = await world.clock.until(deployer.deploy({ project: 'two', stage: 'dev', tag: 'v1' }));
    const error = answer._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'domain-taken', deployment: { status: 'failed', cleanup: 'none' } });
    expect(error.message).toContain('stage "dev" of project "one"');
    expect(world.engine.containers.size).toBe(1);
    expect(world.proxy.request('www.example.com').instance).toBe(first.id);
    expect((await domainsOf(deployer)).filter(({ project }) => project === 'two')).toEqual([]);
    expect(await brokenPromises(world)).toEqual([]);
  });

  it.each([null, 'another-store-0123'])(
    'a route under a foreign mark (%s) is domain-taken, and stays',
    async (mark) => {
      const world = memoryWorld();
      push(world, 'v1');
      const foreign = { domain: DEFAULT, mark, targets: [{ instance: null, host: '192.0.2.1', port: 80 }] };
      world.proxy.disturb(DEFAULT, foreign);
      const deployer = await deployerOf(world, { shop: { image: IMAGE, stages: { dev: { port: 3000 } } } });
      const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }));
      expect(answer._unsafeUnwrapErr()).toMatchObject({ kind: 'domain-taken', deployment: { cleanup: 'none' } });
      expect(world.engine.containers.size + world.engine.images.size).toBe(0);
      expect(await domainsOf(deployer)).toEqual([]);
      const held = await unwrap(world.proxy.get(DEFAULT, { signal: new AbortController().signal }));
      expect(held).toMatchObject({ mark, targets: [{ host: '192.0.2.1' }] });
    },
  );
});

describe('custom domains that come and go', () => {
  it('leave when the stage is deployed without them, and can then be another stage’s', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    let domains = ['a.example.com', 'b.example.com'];
    const deployer = await deployerOf(world, () => ({ image: IMAGE, stages: { dev: { port: 3000, domains } } }));
    await settled(world, deployer, 'v1');
    expect(world.proxy.request('a.example.com').status).toBe(200);
    domains = ['b.example.com'];
    await settled(world, deployer, 'v2');
    expect(world.proxy.request('a.example.com').status).toBe(404);
    expect(world.proxy.request('b.example.com').status).toBe(200);
    domains = ['a.example.com'];
    const other = await world.clock.until(deployer.deploy({ project: 'other', stage: 'dev', tag: 'v1' }));
    expect(other.isOk()).toBe(true);
    expect(world.proxy.request('a.example.com').instance).toBe(other._unsafeUnwrap().instance);
    await world.clock.advance(60_000);
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('are not left at the proxy by a deployment that wanted one again and failed', async () => {
    // The proxy cannot remove the route for a while: its task waits. Meanwhile the domain is claimed again, by a deployment that fails.
    const faulty = faultyWorld();
    const { world } = faulty;
    push(world, 'v1', 'v3');
    world.engine.push(`${IMAGE}:bad`, { listensAfterMs: null, exitsAfterMs: 10 });
    let domains: string[] = ['www.example.com'];
    const deployer = await deployerOf(
      world,
      () => ({ image: IMAGE, stages: { dev: { port: 3000, domains, maxInstances: 1 } } }),
      faulty.ports,
    );
    await settled(world, deployer, 'v1');
    faulty.arm({ port: 'proxy', method: 'remove', call: 1, fault: { kind: 'fail-before' } });
    domains = [];
    await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: 'v1' })));
    domains = ['www.example.com'];
    const bad = await world.clock.until(deployer.deploy({ ...DEV, tag: 'bad' }));
    expect(bad.isErr()).toBe(true);
    expect(faulty.hasStruck).toBe(true);
    domains = [];
    await settled(world, deployer, 'v3');
    expect(world.proxy.request('www.example.com').status).toBe(404);
    expect(await brokenPromises(world)).toEqual([]);
  });
});

describe('a tag that is deployed again while its instance before is still leaving', () => {
  it.each(['v1', 'bad'] as const)('has its tagged route, or none: %s', async (again) => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    // Without a count of what is in flight an instance is left alone for its drain time.
    const { inFlight: _none, ...proxy } = world.proxy;
    const deployer = await deployerOf(
      world,
      { shop: { image: IMAGE, stages: { dev: { port: 3000, maxInstances: 1, drain: '20s' } } } },
      { proxy },
    );
    await settled(world, deployer, 'v1');
    await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: 'v2' })));
    await world.clock.advance(5_000);
    expect(world.engine.containers.size).toBe(2);
    if (again === 'bad') world.engine.push(`${IMAGE}:v1`, { listensAfterMs: null, exitsAfterMs: 100 });
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }));
    expect(answer.isOk()).toBe(again === 'v1');
    await world.clock.advance(60_000);
    const tagged = world.proxy.request('stage-dev-shop-v1.apps.test');
    if (answer.isOk()) expect(tagged).toEqual({ status: 200, instance: answer.value.id });
    else expect(tagged.status).toBe(404);
    expect(world.engine.containers.size).toBe(1);
    expect(await brokenPromises(world)).toEqual([]);
  });
});
