/** Routes: put, moved, removed and proved through the front door of the process that serves. */
import { unwrap } from '@quayside/core/ports';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, eventually, MARK, open, openWorld, routeTo, type World } from './support/world.js';

let world: World;
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world.close());

const GOOD = { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 299]] } as const;

describe('routes of the process that serves', () => {
  it('serves a route from the moment its put has answered', async () => {
    const { proxy, door } = await world.serving();
    const [one, two] = [await world.app('one'), await world.app('two')];
    await unwrap(proxy.put(routeTo('shop.test', one), open()));
    expect((await ask(door.port, 'shop.test')).body).toBe('one');
    await unwrap(proxy.put(routeTo('shop.test', two), open()));
    expect((await ask(door.port, 'shop.test')).body).toBe('two');
  });
  it('asks for a domain in any case, with any port and with its final dot', async () => {
    const { proxy, door } = await world.serving();
    await unwrap(proxy.put(routeTo('shop.test', await world.app('one')), open()));
    for (const host of ['SHOP.test', 'shop.test:8080', 'Shop.Test.:80']) {
      expect((await ask(door.port, host)).body).toBe('one');
    }
  });
  it('answers 404 for a domain that was removed or never was', async () => {
    const { proxy, door } = await world.serving();
    await unwrap(proxy.put(routeTo('shop.test', await world.app('one')), open()));
    expect(await unwrap(proxy.remove({ domain: 'shop.test', mark: MARK }, open()))).toBe('removed');
    expect(await unwrap(proxy.remove({ domain: 'shop.test', mark: MARK }, open()))).toBe('absent');
    expect((await ask(door.port, 'shop.test')).status).toBe(404);
    expect((await ask(door.port, 'other.test')).status).toBe(404);
  });
  it('leaves a route under another mark alone', async () => {
    const { proxy, door } = await world.serving();
    const one = await world.app('one');
    await unwrap(proxy.put(routeTo('shop.test', one), open()));
    const other = { ...routeTo('shop.test', one), mark: 'abcdefghij12-other' };
    expect((await proxy.put(other, open()))._unsafeUnwrapErr().kind).toBe('domain-taken');
    expect(await unwrap(proxy.remove(other, open()))).toBe('foreign');
    expect((await ask(door.port, 'shop.test')).body).toBe('one');
  });
  it('puts only over the instance that was expected', async () => {
    const { proxy } = await world.serving();
    const [one, two] = [await world.app('one'), await world.app('two')];
    await unwrap(proxy.put(routeTo('shop.test', one), { ...open(), expect: null }));
    expect((await proxy.put(routeTo('shop.test', two), { ...open(), expect: null }))._unsafeUnwrapErr().kind).toBe(
      'route-changed',
    );
    expect((await proxy.put(routeTo('shop.test', two), { ...open(), expect: 'two' }))._unsafeUnwrapErr().kind).toBe(
      'route-changed',
    );
    await unwrap(proxy.put(routeTo('shop.test', two), { ...open(), expect: 'one' }));
  });
  it('proves what it serves, and nothing else', async () => {
    const { proxy } = await world.serving();
    const [one, two] = [await world.app('one'), await world.app('two')];
    await unwrap(proxy.put(routeTo('shop.test', one), open()));
    await unwrap(proxy.prove(routeTo('shop.test', one), GOOD, open()));
    await unwrap(proxy.prove(routeTo('shop.test', one), null, open()));
    for (const request of [GOOD, null]) {
      const error = (
        await proxy.prove(routeTo('shop.test', two), request, { ...open(), timeoutMs: 150 })
      )._unsafeUnwrapErr();
      expect(error.kind).toBe('route-unproved');
      expect(error.message).toContain('one');
    }
  });
  it('does not prove an instance at another address than it is served at, nor one of several', async () => {
    const { proxy, door } = await world.serving();
    const [one, two] = [await world.app('one'), await world.app('two')];
    await unwrap(proxy.put(routeTo('shop.test', one), open()));
    const limited = () => ({ ...open(), timeoutMs: 150 });
    // The answer does come from `one`, by its name.
    const moved = await proxy.prove(routeTo('shop.test', { ...one, port: two.port }), GOOD, limited());
    expect(moved._unsafeUnwrapErr().message).toContain('sends it to one');
    await unwrap(proxy.put(routeTo('shop.test', one, two), open()));
    expect((await proxy.prove(routeTo('shop.test', one), GOOD, limited()))._unsafeUnwrapErr().kind).toBe(
      'route-unproved',
    );
    await unwrap(proxy.prove(routeTo('shop.test', two, one), GOOD, open()));
    expect((await ask(door.port, 'shop.test')).headers).not.toHaveProperty('x-quayside-route');
  });
  it('does not prove a route whose app answers badly, or not at all', async () => {
    const { proxy } = await world.serving();
    const sick = await world.app('sick', (_request, response) => void response.writeHead(500).end());
    await unwrap(proxy.put(routeTo('shop.test', sick), open()));
    const proved = await proxy.prove(routeTo('shop.test', sick), GOOD, { ...open(), timeoutMs: 150 });
    expect(proved._unsafeUnwrapErr().message).toContain('500');
    await sick.close();
    expect(
      (await proxy.prove(routeTo('shop.test', sick), GOOD, { ...open(), timeoutMs: 150 }))._unsafeUnwrapErr().kind,
    ).toBe('route-unproved');
    await unwrap(proxy.prove(routeTo('shop.test', sick), null, open()));
  });
  it('tells nobody without the key which instance serves, and never tells an app the key', async () => {
    const { proxy, door } = await world.serving();
    const one = await world.app('one');
    await unwrap(proxy.put(routeTo('shop.test', one), open()));
    const reply = await ask(door.port, 'shop.test', {
      path: '/.well-known/quayside-instance',
      headers: { 'x-quayside-key': 'guess' },
    });
    expect(reply.body).toBe('one');
    expect(reply.headers).not.toHaveProperty('x-quayside-instance');
    expect(one.seen.at(-1)?.headers).not.toHaveProperty('x-quayside-key');
    await unwrap(proxy.prove(routeTo('shop.test', one), GOOD, open()));
    expect(one.seen.at(-1)?.headers).not.toHaveProperty('x-quayside-key');
  });
  it('splits requests exactly by weight', async () => {
    const { proxy, door } = await world.serving();
    const [one, two] = [await world.app('one'), await world.app('two')];
    await unwrap(proxy.put(routeTo('shop.test', { ...one, weight: 9 }, { ...two, weight: 1 }), open()));
    const bodies = await Promise.all(Array.from({ length: 100 }, () => ask(door.port, 'shop.test')));
    expect(bodies.filter(({ body }) => body === 'two')).toHaveLength(10);
    await unwrap(proxy.prove(routeTo('shop.test', { ...one, weight: 9 }, { ...two, weight: 1 }), GOOD, open()));
  });
  it('takes a hundred puts at once and loses none', async () => {
    const { proxy, door } = await world.serving();
    const one = await world.app('one');
    const others = world.proxy();
    const domains = Array.from({ length: 100 }, (_, index) => `s${index}.test`);
    await Promise.all(
      domains.map((domain, index) => unwrap((index % 2 ? proxy : others).put(routeTo(domain, one), open()))),
    );
    for (const domain of domains) expect((await ask(door.port, domain)).status).toBe(200);
    expect(await unwrap(proxy.list({ storeId: 'abcdefghij12' }, open()))).toHaveLength(100);
  });
  it('counts what an instance has in flight, over all processes that serve', async () => {
    const { proxy, door } = await world.serving();
    const second = await world.serving();
    const waiting: (() => void)[] = [];
    const slow = await world.app('slow', (_request, response) => void waiting.push(() => response.end()));
    await unwrap(proxy.put(routeTo('shop.test', slow), open()));
    const asked = [ask(door.port, 'shop.test'), ask(second.door.port, 'shop.test'), ask(second.door.port, 'shop.test')];
    await eventually(() => waiting.length === 3, 'all requests are there');
    const deploys = world.proxy();
    for (const each of [proxy, second.proxy, deploys]) expect(await unwrap(each.inFlight!('slow', open()))).toBe(3);
    for (const finish of waiting) finish();
    await Promise.all(asked);
    expect(await unwrap(deploys.inFlight!('slow', open()))).toBe(0);
  });
});
