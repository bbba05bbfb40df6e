/** TLS at the embedded proxy: real handshakes, and certificates that come, change, fail to come and never come. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect as connectPlainly } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { unwrap } from '@quayside/core/ports';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedProxyOptions, Problem } from '../src/index.js';
import { type Authority, askSecurely, openAuthority } from './support/certificates.js';
import { ask, eventually, open, openWorld, routeTo, speak, type World } from './support/world.js';

let authority: Authority;
let world: World;
beforeAll(async () => {
  authority = await openAuthority();
});
afterAll(() => authority.remove());
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world.close());

const LOOPBACK = { host: '127.0.0.1', port: 0 };

async function serving(tls: EmbeddedProxyOptions['tls'], problems: Problem[] = []) {
  const { proxy, door: plain } = await world.serving({
    ...(tls ? { tls } : {}),
    onProblem: (each) => problems.push(each),
  });
  const secure = await unwrap(proxy.listen({ ...LOOPBACK, tls: true }));
  return { proxy, plain, secure, visit: (domain: string) => askSecurely(secure.port, domain, authority.ca) };
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('given certificates', () => {
  it('are shown by the name that is asked for, as text or from files, and for a wildcard', async () => {
    const [shop, blog] = [await authority.issue('shop.test'), await authority.issue('*.apps.test')];
    const [cert, key] = [join(authority.folder, 'blog.pem'), join(authority.folder, 'blog.key.pem')];
    await writeFile(cert, blog.cert);
    await writeFile(key, blog.key);
    const { proxy, visit, secure } = await serving({
      certificates: { 'shop.test': shop, '*.apps.test': { cert, key } },
    });
    expect(secure.url).toBe(`https://127.0.0.1:${secure.port}`);
    await unwrap(proxy.put(routeTo('shop.test', await world.app('shop')), open()));
    await unwrap(proxy.put(routeTo('blog.apps.test', await world.app('blog')), open()));
    expect((await visit('shop.test')).body).toBe('shop');
    expect((await visit('blog.apps.test')).body).toBe('blog');
    // The name has a certificate, and nothing behind it: the page is honest over TLS too.
    expect((await visit('wiki.apps.test')).status).toBe(404);
  });

  it('can be one for every domain, given where somebody listens, and is read again like any other', async () => {
    const folder = authority.folder;
    const [cert, key] = [join(folder, 'all.pem'), join(folder, 'all.key.pem')];
    const write = async (pair: { cert: string; key: string }) => {
      await writeFile(key, pair.key);
      await writeFile(cert, pair.cert);
    };
    await write(await authority.issue('*.apps.test'));
    const { proxy } = await world.serving({});
    expect(proxy.hasCertificates).toBe(false);
    const secure = await unwrap(proxy.listen({ ...LOOPBACK, tls: { cert, key } }));
    await unwrap(proxy.put(routeTo('shop.apps.test', await world.app('shop')), open()));
    expect((await askSecurely(secure.port, 'shop.apps.test', authority.ca)).body).toBe('shop');
    // It is shown for what it is not good for as well: whoever visits decides.
    await expect(askSecurely(secure.port, 'other.test', authority.ca)).rejects.toThrow(/altnames/i);
    const absent = await proxy.listen({ ...LOOPBACK, tls: { cert: join(folder, 'none.pem'), key } });
    expect(absent._unsafeUnwrapErr()).toMatchObject({ kind: 'proxy-refused', code: 'bad-certificate' });
    const relative = await proxy.listen({ ...LOOPBACK, tls: { cert: 'all.pem', key } });
    expect(relative._unsafeUnwrapErr().message).toMatch(/tls\.cert: expected PEM text, or the absolute path/);
  });

  it('are shown to no other name, to none, and to nobody who speaks no TLS', async () => {
    const { proxy, visit, secure } = await serving({
      certificates: { 'shop.test': await authority.issue('shop.test') },
    });
    await unwrap(proxy.put(routeTo('other.test', await world.app('other')), open()));
    await expect(visit('other.test')).rejects.toThrow(/handshake|alert|disconnected|hang up|reset/i);
    await expect(visit('deep.shop.test')).rejects.toThrow();
    const nameless = connect({ host: '127.0.0.1', port: secure.port, rejectUnauthorized: false });
    await expect(once(nameless, 'secureConnect')).rejects.toThrow();
    expect(await speak(secure.port, 'GET / HTTP/1.1\r\nhost: shop.test\r\n\r\n')).not.toContain('200');
    await unwrap(proxy.put(routeTo('shop.test', await world.app('shop')), open()));
    expect((await visit('shop.test')).body).toBe('shop');
  });

  it('are read again: a renewed file is shown without a restart, and a broken one is told and changes nothing', async () => {
    const [cert, key] = [join(authority.folder, 'renewed.pem'), join(authority.folder, 'renewed.key.pem')];
    const write = async (pair: { cert: string; key: string }) => {
      await writeFile(key, pair.key);
      await writeFile(cert, pair.cert);
    };
    await write(await authority.issue('shop.test'));
    const problems: Problem[] = [];
    const { proxy, visit } = await serving(
      { certificates: { 'shop.test': { cert, key } }, refreshEvery: 100 },
      problems,
    );
    await unwrap(proxy.put(routeTo('shop.test', await world.app('shop')), open()));
    const first = (await visit('shop.test')).serial;
    await write(await authority.issue('shop.test'));
    await eventually(async () => (await visit('shop.test')).serial !== first, 'the renewed one is shown');
    const second = (await visit('shop.test')).serial;
    await writeFile(cert, 'no certificate');
    await eventually(async () => {
      expect((await visit('shop.test')).serial).toBe(second);
      return problems.length > 0;
    }, 'the broken one is told');
    expect(problems[0]).toMatchObject({ domain: 'shop.test', instance: null, status: null });
  });

  it('that cannot be used are told when somebody listens with them', async () => {
    const pair = await authority.issue('shop.test');
    const other = await authority.issue('shop.test');
    const listen = async (tls: EmbeddedProxyOptions['tls']) => {
      const { proxy } = await world.serving(tls ? { tls } : {});
      return (await proxy.listen({ ...LOOPBACK, tls: true }))._unsafeUnwrapErr();
    };
    const mixed = await listen({ certificates: { 'shop.test': { cert: pair.cert, key: other.key } } });
    expect(mixed).toMatchObject({ kind: 'proxy-refused', code: 'bad-certificate' });
    expect(mixed.message).toContain('shop.test');
    const gone = await listen({ certificates: { 'shop.test': { cert: '/nowhere/shop.pem', key: pair.key } } });
    expect(gone).toMatchObject({ kind: 'proxy-refused', code: 'bad-certificate' });
    expect(gone.message).toContain('/nowhere/shop.pem');
    expect(await listen(undefined)).toMatchObject({ kind: 'proxy-refused', code: 'no-certificates' });
  });
});

describe('a host that is asked for certificates', () => {
  it('is asked once per domain that has a route, and for no other name', async () => {
    const asked: string[] = [];
    const pairs = { 'shop.test': await authority.issue('shop.test'), 'blog.test': await authority.issue('blog.test') };
    const { proxy, visit } = await serving({
      certificate: async (domain) => {
        asked.push(domain);
        await sleep(30);
        return pairs[domain as 'shop.test'];
      },
    });
    await unwrap(proxy.put(routeTo('shop.test', await world.app('shop')), open()));
    await unwrap(proxy.put(routeTo('bare.test', await world.app('bare')), open()));
    const replies = await Promise.all(Array.from({ length: 8 }, () => visit('shop.test')));
    expect(replies.map(({ body }) => body)).toEqual(Array.from({ length: 8 }, () => 'shop'));
    await expect(visit('blog.test')).rejects.toThrow();
    await expect(visit('bare.test')).rejects.toThrow();
    await expect(visit('bare.test')).rejects.toThrow();
    expect(asked).toEqual(['shop.test', 'bare.test']);
  });

  it('renews without a restart, and a renewal that fails or hangs leaves the old one', async () => {
    let pair = await authority.issue('shop.test');
    let mood: 'answer' | 'throw' | 'hang' = 'answer';
    const problems: Problem[] = [];
    const tls: EmbeddedProxyOptions['tls'] = {
      refreshEvery: 100,
      answerTimeout: 100,
      certificate: () => {
        if (mood === 'throw') throw new Error('the authority says no');
        return mood === 'hang' ? new Promise(() => undefined) : pair;
      },
    };
    const { proxy, visit } = await serving(tls, problems);
    await unwrap(proxy.put(routeTo('shop.test', await world.app('shop')), open()));
    const first = (await visit('shop.test')).serial;
    pair = await authority.issue('shop.test');
    await eventually(async () => (await visit('shop.test')).serial !== first, 'the renewed one is shown');
    const second = (await visit('shop.test')).serial;
    for (const [next, words] of [
      ['throw', 'the authority says no'],
      ['hang', 'no certificate within 100 ms'],
    ] as const) {
      mood = next;
      await eventually(async () => {
        expect((await visit('shop.test')).serial).toBe(second);
        return problems.some(({ message }) => message.includes(words));
      }, `${words} is told`);
    }
  });

  it('that hangs or throws holds a visitor up no longer than its limit, and others not at all', async () => {
    const good = await authority.issue('good.test');
    const signals: AbortSignal[] = [];
    const { proxy, visit } = await serving({
      answerTimeout: 150,
      certificates: { 'good.test': good },
      certificate: (domain, signal) => {
        signals.push(signal);
        if (domain === 'throws.test') throw new Error('no');
        return new Promise(() => undefined);
      },
    });
    for (const name of ['good.test', 'hangs.test', 'throws.test'])
      await unwrap(proxy.put(routeTo(name, await world.app(name)), open()));
    const startedAt = performance.now();
    const hanging = expect(visit('hangs.test')).rejects.toThrow();
    expect((await visit('good.test')).body).toBe('good.test');
    expect(performance.now() - startedAt).toBeLessThan(140);
    await expect(visit('throws.test')).rejects.toThrow();
    await hanging;
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(signals.every(({ aborted }) => aborted)).toBe(false);
    await eventually(() => signals[0]?.aborted === true, 'whoever hangs is told that nobody waits any more');
    // Asked again only after a while: the next visitor is refused at once.
    const again = performance.now();
    await expect(visit('hangs.test')).rejects.toThrow();
    expect(performance.now() - again).toBeLessThan(120);
  });
});

describe('behind TLS', () => {
  it('an app is told of it, and whoever comes in plainly can be sent there', async () => {
    const { proxy, visit, secure, plain } = await serving({
      certificates: { 'shop.test': await authority.issue('shop.test') },
    });
    const app = await world.app('shop', (request, response) => {
      const { 'x-forwarded-proto': scheme, 'x-forwarded-port': port } = request.headers;
      response.end(`${scheme} ${port}`);
    });
    await unwrap(proxy.put(routeTo('shop.test', app), open()));
    expect((await visit('shop.test')).body).toBe('https 443');
    expect((await ask(plain.port, 'shop.test')).body).toBe('http 80');
    const sends = await unwrap(proxy.listen({ ...LOOPBACK, redirectTo: secure.port }));
    const sent = await ask(sends.port, 'shop.test', { path: '/a?b=c', method: 'POST', body: 'x' });
    expect(sent).toMatchObject({ status: 308, body: '' });
    expect(sent.headers.location).toBe(`https://shop.test:${secure.port}/a?b=c`);
    // Where nothing is deployed nobody is sent into a handshake that fails.
    expect((await ask(sends.port, 'nobody.test')).status).toBe(404);
    const upgrade = 'GET /ws HTTP/1.1\r\nhost: shop.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
    expect(await speak(sends.port, upgrade)).toMatch(/^HTTP\/1\.1 308 /);
  });

  it('a route is proved although visitors of the plain address are sent away', async () => {
    const { proxy } = await world.serving({
      tls: { certificates: { 'shop.test': await authority.issue('shop.test') } },
    });
    const sends = await unwrap(proxy.listen({ ...LOOPBACK, redirectTo: 443 }));
    const deploys = world.proxy();
    const route = routeTo('shop.test', await world.app('shop'));
    await unwrap(deploys.put(route, open()));
    const GET = { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 299]] as const };
    await unwrap(deploys.prove(route, GET, open()));
    expect((await ask(sends.port, 'shop.test')).headers.location).toBe('https://shop.test/');
  });

  it('WebSockets go both ways', async () => {
    const { proxy, secure } = await serving({ certificates: { 'shop.test': await authority.issue('shop.test') } });
    const app = await world.app('shop');
    app.server.on('upgrade', (_request, socket) => {
      socket.on('error', () => socket.destroy());
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.on('data', (chunk: Buffer) => socket.write(`echo:${chunk}`));
    });
    await unwrap(proxy.put(routeTo('shop.test', app), open()));
    const visitor = connect({ host: '127.0.0.1', port: secure.port, servername: 'shop.test', ca: authority.ca });
    let said = '';
    visitor.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    await once(visitor, 'secureConnect');
    visitor.write('GET /ws HTTP/1.1\r\nhost: shop.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    await eventually(() => said.includes('101'), 'the connection is upgraded');
    visitor.write('hello');
    await eventually(() => said.includes('echo:hello'), 'the WebSocket answers');
    visitor.destroy();
  });

  it('listening needs a plain address beside it, and ends although somebody hangs in a handshake', async () => {
    const tls = { certificates: { 'shop.test': await authority.issue('shop.test') } };
    const alone = (await world.proxy({ tls }).listen({ ...LOOPBACK, tls: true }))._unsafeUnwrapErr();
    expect(alone).toMatchObject({ kind: 'proxy-refused', code: 'no-plain-listener' });
    expect(alone.hint).toContain('plain HTTP first');
    const { proxy, secure } = await serving(tls);
    const silent = connectPlainly(secure.port, '127.0.0.1');
    silent.on('error', () => undefined);
    await once(silent, 'connect');
    const startedAt = performance.now();
    await unwrap(proxy.close!());
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    silent.destroy();
  });

  it('options that make no sense are refused', async () => {
    const { proxy } = await world.serving({
      tls: { certificates: { 'shop.test': await authority.issue('shop.test') } },
    });
    const code = async (options: object) => (await proxy.listen({ ...LOOPBACK, ...options }))._unsafeUnwrapErr().code;
    expect(await code({ redirectTo: 70_000 })).toBe('bad-redirect');
    expect(await code({ tls: true, redirectTo: 443 })).toBe('bad-redirect');
    expect(await code({ tls: true, frontDoor: 'http://10.0.0.7:80' })).toBe('bad-front-door');
  });
});
