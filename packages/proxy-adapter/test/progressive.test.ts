/** What a progressive cutover asks of the proxy: shares, visitors who stay, and counts, over several servers. */
import { type Route, type Target, unwrap } from '@quayside/core/ports';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedProxy } from '../src/index.js';
import { ask, eventually, open, openWorld, routeTo, speak, type World } from './support/world.js';

let world: World;
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world.close());

const sticky = (...targets: readonly Target[]): Route => ({ ...routeTo('shop.test', ...targets), sticky: true });
const statistics = (proxy: EmbeddedProxy, instance: string) =>
  unwrap(proxy.statistics?.(instance, open()) ?? Promise.reject(new Error('it cannot count')));
const cookieOf = (reply: { readonly headers: NodeJS.Dict<string | string[]> }): string | undefined =>
  reply.headers['set-cookie']?.[0];

describe('a sticky route', () => {
  it('keeps each visitor with the target that answered first, at every server and whatever the shares become', async () => {
    const first = await world.serving();
    const second = await world.serving();
    const [one, two] = [await world.app('one'), await world.app('two')];
    await unwrap(first.proxy.put(sticky({ ...one, weight: 50 }, { ...two, weight: 50 }), open()));
    const visitors = await Promise.all(Array.from({ length: 20 }, () => ask(first.door.port, 'shop.test')));
    expect(visitors.filter(({ body }) => body === 'two')).toHaveLength(10);
    await unwrap(first.proxy.put(sticky({ ...one, weight: 1 }, { ...two, weight: 99 }), open()));
    for (const visitor of visitors) {
      const [cookie = ''] = (cookieOf(visitor) ?? '').split(';');
      const again = await ask(second.door.port, 'shop.test', { headers: { cookie: `theirs=1; ${cookie}` } });
      expect(again.body).toBe(visitor.body);
      expect(cookieOf(again)).toBeUndefined();
    }
  });

  it('balances a visitor anew whose target has weight 0, or is gone, or cannot be connected to', async () => {
    const { proxy, door } = await world.serving();
    const [one, two] = [await world.app('one'), await world.app('two')];
    await unwrap(proxy.put(sticky(one), open()));
    const [cookie = ''] = (cookieOf(await ask(door.port, 'shop.test')) ?? '').split(';');
    const back = () => ask(door.port, 'shop.test', { headers: { cookie } });
    await unwrap(proxy.put(sticky({ ...one, weight: 0 }, { ...two, weight: 1 }), open()));
    const moved = await back();
    expect(moved.body).toBe('two');
    expect(cookieOf(moved)).toBeDefined();
    await unwrap(proxy.put(sticky(two), open()));
    expect((await back()).body).toBe('two');
    await unwrap(proxy.put(sticky({ ...one, weight: 1 }, { ...two, weight: 1 }), open()));
    expect((await back()).body).toBe('one');
    await one.close();
    expect((await back()).body).toBe('two');
  });

  it('leaves the app its own cookies, and sets none once it is not sticky any more', async () => {
    const { proxy, door } = await world.serving();
    const app = await world.app('one', (_request, response) => {
      response.setHeader('set-cookie', ['session=1', 'theme=dark']);
      response.end('one');
    });
    await unwrap(proxy.put(sticky(app), open()));
    const set = (await ask(door.port, 'shop.test')).headers['set-cookie'];
    expect(set?.slice(0, 2)).toEqual(['session=1', 'theme=dark']);
    expect(set).toHaveLength(3);
    await unwrap(proxy.put(routeTo('shop.test', app), open()));
    expect((await ask(door.port, 'shop.test')).headers['set-cookie']).toEqual(['session=1', 'theme=dark']);
  });

  it('is sticky still at a server that starts later', async () => {
    const { proxy } = await world.serving();
    const [one, two] = [await world.app('one'), await world.app('two')];
    await unwrap(proxy.put(sticky(one, two), open()));
    const { door } = await world.serving();
    const first = await ask(door.port, 'shop.test');
    const [cookie = ''] = (cookieOf(first) ?? '').split(';');
    for (let round = 0; round < 4; round += 1)
      expect((await ask(door.port, 'shop.test', { headers: { cookie } })).body).toBe(first.body);
  });
});

describe('statistics', () => {
  it('count what every server has had answered, and what they had to answer themselves', async () => {
    const first = await world.serving();
    const second = await world.serving();
    const elsewhere = world.proxy();
    const one = await world.app('one', (request, response) => {
      const status = Number(request.url?.slice(1)) || 200;
      if (request.url === '/hang-up') return void request.socket.destroy();
      setTimeout(() => response.writeHead(status).end(), request.url === '/slow' ? 120 : 0);
      return undefined;
    });
    expect((await statistics(elsewhere, 'one')).requests).toBe(0);
    await unwrap(first.proxy.put(routeTo('shop.test', one), open()));
    await unwrap(first.proxy.put(routeTo('shop2.test', one), open()));
    for (const { door } of [first, second]) {
      expect((await ask(door.port, 'shop.test')).status).toBe(200);
      expect((await ask(door.port, 'shop2.test', { path: '/404' })).status).toBe(404);
      expect((await ask(door.port, 'shop.test', { path: '/500' })).status).toBe(500);
    }
    expect((await ask(first.door.port, 'shop.test', { path: '/hang-up', method: 'POST' })).status).toBe(502);
    expect((await ask(first.door.port, 'shop.test', { path: '/slow' })).status).toBe(200);
    for (const proxy of [elsewhere, first.proxy, second.proxy]) {
      const { requests, errors, latencies } = await statistics(proxy, 'one');
      expect({ requests, errors }).toEqual({ requests: 8, errors: 3 });
      expect(latencies.reduce((sum, { count }) => sum + count, 0)).toBe(7);
      const slow = latencies.filter(({ upToMs }) => upToMs >= 120).reduce((sum, { count }) => sum + count, 0);
      expect(slow).toBe(1);
    }
  });

  it('count a WebSocket when it begins, keep its visitor too, and count no interim answer', async () => {
    const { proxy, door } = await world.serving();
    const one = await world.app('one', (_request, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.end('one');
    });
    one.server.on('upgrade', (_request, socket) => {
      socket.on('error', () => socket.destroy());
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    });
    await unwrap(proxy.put(sticky(one), open()));
    expect((await ask(door.port, 'shop.test')).body).toBe('one');
    const upgrade = 'GET /ws HTTP/1.1\r\nhost: shop.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
    expect(await speak(door.port, upgrade, '\r\n\r\n')).toMatch(/101[\s\S]*Set-Cookie: quayside-stay=/i);
    expect(await statistics(proxy, 'one')).toMatchObject({ requests: 2, errors: 0 });
  });

  it('go on over every change of the routes while the instance has one, and do not count proofs', async () => {
    const { proxy, door } = await world.serving();
    const [one, two] = [await world.app('one'), await world.app('two')];
    await unwrap(proxy.put(routeTo('shop.test', one), open()));
    await ask(door.port, 'shop.test');
    await unwrap(proxy.put(routeTo('shop.test', { ...one, weight: 1 }, { ...two, weight: 0 }), open()));
    await ask(door.port, 'shop.test');
    const GET = { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 299]] as const };
    await unwrap(proxy.prove(routeTo('shop.test', one, two), GET, open()));
    expect((await statistics(proxy, 'one')).requests).toBe(2);
    expect((await statistics(proxy, 'two')).requests).toBe(0);
    await unwrap(proxy.put(routeTo('shop.test', two), open()));
    expect((await statistics(proxy, 'one')).requests).toBe(0);
  });

  it('count a target that nobody can connect to where no other has answered, and an answer that never came', async () => {
    const { proxy, door } = await world.serving({ answerTimeout: 200 });
    const [dead, live] = [await world.app('dead'), await world.app('live')];
    await dead.close();
    await unwrap(proxy.put(routeTo('shop.test', dead), open()));
    expect((await ask(door.port, 'shop.test')).status).toBe(502);
    expect(await statistics(proxy, 'dead')).toMatchObject({ requests: 1, errors: 1 });
    await unwrap(proxy.put(routeTo('shop.test', { ...dead, weight: 99 }, { ...live, weight: 1 }), open()));
    expect((await ask(door.port, 'shop.test')).body).toBe('live');
    expect(await statistics(proxy, 'dead')).toMatchObject({ requests: 1, errors: 1 });
    await unwrap(proxy.put(routeTo('slow.test', await world.app('slow', () => undefined)), open()));
    expect((await ask(door.port, 'slow.test')).status).toBe(504);
    await eventually(async () => (await statistics(proxy, 'slow')).errors === 1, 'the 504 is counted');
  });
});
