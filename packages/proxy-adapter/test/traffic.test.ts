/** Requests and answers on their way through, over real sockets. */
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { unwrap } from '@quayside/core/ports';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedProxyOptions, Problem } from '../src/index.js';
import { ask, eventually, open, openWorld, routeTo, speak, type World } from './support/world.js';

let world: World;
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world.close());

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A proxy with one route, shop.test, to an app that answers so. */
async function shop(answer?: Answer, options: EmbeddedProxyOptions = {}) {
  const problems: Problem[] = [];
  const { proxy, door } = await world.serving({ ...options, onProblem: (problem) => void problems.push(problem) });
  const app = await world.app('one', answer);
  await unwrap(proxy.put(routeTo('shop.test', app), open()));
  return { proxy, app, problems, port: door.port };
}

/** What an app got, as JSON. */
const echo: Answer = (incoming, response) => {
  const parts: Buffer[] = [];
  incoming.on('data', (part: Buffer) => parts.push(part));
  incoming.on('end', () => {
    const { method, url, headers } = incoming;
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(parts).toString() }));
  });
};

/** A TCP server that says these bytes to whatever it is asked, n-th connection and n-th request on it. */
async function rawApp(reply: (connection: number, request: number) => string | null) {
  let connections = 0;
  let requests = 0;
  const server = createTcpServer((socket) => {
    connections += 1;
    const mine = connections;
    let asked = 0;
    socket.on('error', () => undefined);
    socket.on('data', () => {
      asked += 1;
      requests += 1;
      const text = reply(mine, asked);
      if (text === null) socket.resetAndDestroy();
      else socket.write(text, 'latin1');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  world.onClose(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as { port: number };
  return {
    target: { instance: 'raw', host: '127.0.0.1', port },
    get connections() {
      return connections;
    },
    get requests() {
      return requests;
    },
  };
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

describe('headers', () => {
  it('tells the app who asks, and believes no visitor about it', async () => {
    const { port } = await shop(echo);
    const forged = {
      'x-forwarded-for': '9.9.9.9',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'bank.test',
      'x-forwarded-port': '443',
      'x-real-ip': '9.9.9.9',
      forwarded: 'for=9.9.9.9',
    };
    const reply = await ask(port, 'Shop.test:8443', { headers: forged });
    const { headers } = JSON.parse(reply.body) as { headers: Record<string, string> };
    expect(headers).toMatchObject({
      host: 'Shop.test:8443',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'Shop.test:8443',
      'x-forwarded-port': '8443',
      'x-real-ip': '127.0.0.1',
    });
    expect(headers).not.toHaveProperty('forwarded');
  });
  it('believes a proxy in front that is trusted, and adds itself', async () => {
    const { port } = await shop(echo, { trust: ['127.0.0.0/8'] });
    const said = { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https', 'x-forwarded-port': '443' };
    const { headers } = JSON.parse((await ask(port, 'shop.test', { headers: said })).body) as {
      headers: Record<string, string>;
    };
    expect(headers).toMatchObject({
      'x-forwarded-for': '198.51.100.7, 127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
      'x-forwarded-host': 'shop.test',
    });
  });
  it('passes on no header that speaks of one connection, either way', async () => {
    const { port } = await shop((incoming, response) => {
      response.writeHead(200, [
        'Connection',
        'x-private',
        'X-Private',
        '1',
        'Keep-Alive',
        'timeout=99',
        'Proxy-Authenticate',
        'Basic',
        'X-Kept',
        'yes',
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
      ]);
      response.end(JSON.stringify(incoming.headers));
    });
    const reply = await ask(port, 'shop.test', {
      headers: {
        connection: 'x-mine, content-length',
        'x-mine': '1',
        te: 'trailers',
        'proxy-authorization': 'Basic x',
        'keep-alive': '9',
        'x-kept': 'yes',
      },
      method: 'POST',
      body: 'four',
    });
    const seen = JSON.parse(reply.body) as Record<string, string>;
    expect(Object.keys(seen)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(x-mine|te|proxy-authorization|keep-alive|upgrade)$/)]),
    );
    expect(seen).toMatchObject({ 'x-kept': 'yes', 'content-length': '4' });
    expect(reply.headers).not.toHaveProperty('x-private');
    expect(reply.headers).not.toHaveProperty('proxy-authenticate');
    expect(reply.headers['keep-alive']).not.toBe('timeout=99');
    expect(reply.headers['x-kept']).toBe('yes');
    expect(reply.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });
  it('refuses a header that is too large, and a second Host', async () => {
    const { port, app } = await shop(undefined, { headerLimit: '2k' });
    expect(await speak(port, `GET / HTTP/1.1\r\nhost: shop.test\r\nx: ${'x'.repeat(3000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 431 /,
    );
    expect(
      await speak(port, 'GET / HTTP/1.1\r\nhost: shop.test\r\nhost: other.test\r\nconnection: close\r\n\r\n'),
    ).toMatch(/^HTTP\/1.1 400 /);
    expect(await speak(port, 'GET / HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect(
      await speak(
        port,
        'POST / HTTP/1.1\r\nhost: shop.test\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      ),
    ).toMatch(/^HTTP\/1.1 400 /);
    expect(
      await speak(
        port,
        'POST / HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      ),
    ).toMatch(/^HTTP\/1.1 400 /);
    expect(await speak(port, 'CONNECT shop.test:80 HTTP/1.1\r\nhost: shop.test\r\n\r\n')).toMatch(/^HTTP\/1.1 405 /);
    expect(app.seen).toHaveLength(0);
  });
  it('routes by the host of an absolute target, and not by the header beside it', async () => {
    const { port } = await shop(echo);
    const said = await speak(
      port,
      'GET http://shop.test/deep?q=1 HTTP/1.1\r\nhost: other.test\r\nconnection: close\r\n\r\n',
    );
    expect(said).toContain('"url":"/deep?q=1"');
    expect(said).toContain('"host":"shop.test"');
  });
  it('answers an HTTP/1.0 visitor without chunks', async () => {
    const { port } = await shop((_request, response) => {
      response.write('a');
      setTimeout(() => response.end('b'), 20);
    });
    const said = await speak(port, 'GET / HTTP/1.0\r\nhost: shop.test\r\n\r\n');
    expect(said.toLowerCase()).not.toContain('transfer-encoding');
    expect(said.endsWith('\r\n\r\nab')).toBe(true);
  });
  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])(
    'passes %s on, with a body where it has one',
    async (method) => {
      const { port, app } = await shop(echo);
      const body = method === 'GET' || method === 'HEAD' || method === 'OPTIONS' ? undefined : 'some body';
      const reply = await ask(port, 'shop.test', { method, path: '/a/%20b?c=%2F', ...(body ? { body } : {}) });
      expect(reply.status).toBe(200);
      expect(app.seen[0]).toMatchObject({ method, url: '/a/%20b?c=%2F' });
      if (method !== 'HEAD') expect(JSON.parse(reply.body)).toMatchObject({ method, body: body ?? '' });
    },
  );
  it('passes on a GET that has a body', async () => {
    const { port } = await shop(echo);
    const reply = await ask(port, 'shop.test', { body: 'asked' });
    expect(JSON.parse(reply.body)).toMatchObject({ method: 'GET', body: 'asked' });
  });
  it.each([204, 304])('passes a %i on without a body', async (status) => {
    const { port } = await shop(
      (_request, response) => void response.writeHead(status, 'Quite', { etag: '"x"' }).end(),
    );
    const reply = await ask(port, 'shop.test');
    expect(reply).toMatchObject({ status, message: 'Quite', body: '' });
    expect(reply.headers.etag).toBe('"x"');
  });
});

describe('streams', () => {
  it('passes on each piece of an answer when it comes, and its header before any', async () => {
    const steps: (() => void)[] = [];
    const { port } = await shop((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      steps.push(
        () => response.write('data: 1\n\n'),
        () => response.end('data: 2\n\n'),
      );
    });
    const got: string[] = [];
    const ended = new Promise<void>((resolve) => {
      request({ host: '127.0.0.1', port, headers: { host: 'shop.test' }, agent: false }, (answer) => {
        got.push(`status ${answer.statusCode}`);
        answer.on('data', (part: Buffer) => got.push(part.toString()));
        answer.on('end', resolve);
      }).end();
    });
    await eventually(() => got.length === 1, 'the header alone');
    steps[0]?.();
    await eventually(() => got.length === 2, 'the first piece alone');
    steps[1]?.();
    await ended;
    expect(got).toEqual(['status 200', 'data: 1\n\n', 'data: 2\n\n']);
  });
  it('passes on each piece of an upload when it comes', async () => {
    const got: string[] = [];
    const { port } = await shop((incoming, response) => {
      incoming.on('data', (part: Buffer) => got.push(part.toString()));
      incoming.on('end', () => response.end('done'));
    });
    const outgoing = request({ host: '127.0.0.1', port, method: 'POST', headers: { host: 'shop.test' }, agent: false });
    const answered = new Promise<string>((resolve) =>
      outgoing.on('response', (answer) => answer.on('data', (part: Buffer) => resolve(part.toString()))),
    );
    outgoing.write('one');
    await eventually(() => got.length === 1, 'the first piece');
    outgoing.end('two');
    expect(await answered).toBe('done');
    expect(got).toEqual(['one', 'two']);
  });
  it('holds little of a large answer that nobody takes', async () => {
    const size = 40_000_000;
    let sent = 0;
    const block = Buffer.alloc(65_536);
    const { port } = await shop((_request, response) => {
      const more = () => {
        while (sent < size) {
          sent += block.length;
          if (!response.write(block)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const socket = connect(port, '127.0.0.1');
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nhost: shop.test\r\n\r\n');
    await sleep(300);
    const held = sent;
    await sleep(200);
    expect(sent).toBe(held);
    // What the kernel holds of two connections, and no more.
    expect(held).toBeLessThan(size / 2);
    let received = 0;
    socket.on('data', (part) => {
      received += part.length;
    });
    socket.resume();
    await eventually(() => received >= size, 'all of it arrives once it is taken');
    socket.destroy();
  });
  it('holds little of a large upload that the app does not take', async () => {
    let taking: IncomingMessage | undefined;
    const { port } = await shop((incoming, response) => {
      taking = incoming.pause();
      incoming.on('end', () => response.end('done'));
    });
    const size = 20_000_000;
    const socket = connect(port, '127.0.0.1');
    let said = '';
    socket.on('data', (part) => {
      said += part.toString();
    });
    socket.write(`POST / HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\ncontent-length: ${size}\r\n\r\n`);
    socket.write(Buffer.alloc(size));
    await eventually(() => taking !== undefined, 'the app is asked');
    await sleep(200);
    expect(socket.writableLength).toBeGreaterThan(0);
    taking?.resume();
    await eventually(() => said.includes('done'), 'it is done once the app takes it');
  });
  it('carries an answer and an upload of several megabytes unchanged', async () => {
    const { port } = await shop((incoming, response) => void incoming.pipe(response));
    const body = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251));
    const reply = await ask(port, 'shop.test', { method: 'POST', body: body.toString('latin1') });
    expect(reply.body === body.toString('latin1')).toBe(true);
  });
  it('tells the app that the visitor left, before and during the answer', async () => {
    const left: string[] = [];
    const { port, proxy } = await shop((incoming, response) => {
      response.on('close', () => left.push(`${incoming.url}`));
      if (incoming.url === '/during') response.write('begin');
    });
    for (const path of ['/before', '/during']) {
      const socket = connect(port, '127.0.0.1');
      socket.write(`GET ${path} HTTP/1.1\r\nhost: shop.test\r\n\r\n`);
      if (path === '/during') await new Promise((resolve) => socket.once('data', resolve));
      else await sleep(50);
      socket.destroy();
      await eventually(() => left.includes(path), `the app learns of ${path}`);
    }
    await eventually(async () => (await unwrap(proxy.inFlight!('one', open()))) === 0, 'nothing is counted any more');
  });
  it('cuts an answer that the app cut, so that nobody takes it for whole', async () => {
    const { port, problems } = await shop((_request, response) => {
      response.writeHead(200);
      response.write('half');
      setTimeout(() => response.destroy(), 20);
    });
    await expect(ask(port, 'shop.test')).rejects.toThrow();
    expect(problems).toMatchObject([{ domain: 'shop.test', instance: 'one', status: null }]);
  });
  it('lets the visitor read the answer of an app that refuses an upload half-way', async () => {
    const { port } = await shop((_request, response) => void response.writeHead(413).end('too much'));
    const reply = await ask(port, 'shop.test', { method: 'POST', body: Buffer.alloc(5_000_000) });
    expect(reply).toMatchObject({ status: 413, body: 'too much' });
  });
});

describe('what goes wrong', () => {
  it('answers 502 where nothing listens, and says nothing of what is behind', async () => {
    const { port, app, problems } = await shop();
    await app.close();
    const reply = await ask(port, 'shop.test');
    expect(reply.status).toBe(502);
    expect(JSON.stringify(reply)).not.toMatch(new RegExp(`${app.port}|ECONN|undici|quayside|\\bone\\b`, 'i'));
    expect(problems).toMatchObject([{ status: 502, instance: 'one' }]);
    expect(problems[0]?.message).toContain(String(app.port));
  });
  it.each([
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'text/html', '<h1>'],
    ['application/json', 'application/problem+json', '"status":404'],
    ['text/html;q=0.5, application/json', 'application/problem+json', '"title"'],
    ['*/*', 'text/plain', '404'],
    ['', 'text/plain', '404'],
  ])('answers %j with %s', async (accept, type, part) => {
    const { port } = await shop();
    const reply = await ask(port, '<script>.test', { headers: { accept, host: 'none.test' } });
    expect(reply.status).toBe(404);
    expect(reply.headers['content-type']).toContain(type);
    expect(reply.headers['cache-control']).toBe('no-store');
    expect(reply.body).toContain(part);
  });
  it('answers 504 when the app does not answer in time, by the route own limit', async () => {
    const { proxy, port, app } = await shop(() => undefined, { answerTimeout: '60s' });
    const options = proxy.parseOptions?.({ answerTimeout: '100ms' }, 'x')._unsafeUnwrap() ?? {};
    await unwrap(proxy.put({ ...routeTo('shop.test', app), options }, open()));
    const startedAt = Date.now();
    expect((await ask(port, 'shop.test')).status).toBe(504);
    expect(Date.now() - startedAt).toBeLessThan(3000);
    expect((await proxy.parseOptions?.({ answerTimeuot: 1 }, 'stage.proxy'))?._unsafeUnwrapErr().message).toContain(
      'answerTimeout',
    );
  });
  it('answers 502 to an answer that is no HTTP, and to one with a header too large', async () => {
    const raw = await rawApp((_connection, asked) =>
      asked > 0 ? `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n` : '',
    );
    const garbage = await rawApp(() => 'SSH-2.0-OpenSSH\r\n');
    const { proxy, door } = await world.serving();
    await unwrap(proxy.put(routeTo('large.test', raw.target), open()));
    await unwrap(proxy.put(routeTo('garbage.test', garbage.target), open()));
    expect((await ask(door.port, 'large.test')).status).toBe(502);
    expect((await ask(door.port, 'garbage.test')).status).toBe(502);
  });
  it('keeps a connection to an app and uses it again', async () => {
    const raw = await rawApp(() => OK);
    const { proxy, door } = await world.serving();
    await unwrap(proxy.put(routeTo('shop.test', raw.target), open()));
    for (let count = 0; count < 5; count += 1) expect((await ask(door.port, 'shop.test')).status).toBe(200);
    expect(raw.requests).toBe(5);
    expect(raw.connections).toBe(1);
  });
  it('lets go of the connections to an instance that no route goes to any more', async () => {
    const { proxy, port, app } = await shop();
    await Promise.all([ask(port, 'shop.test'), ask(port, 'shop.test')]);
    expect(app.sockets.size).toBeGreaterThan(0);
    await unwrap(proxy.put(routeTo('shop.test', await world.app('two')), open()));
    await eventually(() => app.sockets.size === 0, 'they are closed', 500);
  });
  it('sends a GET again when a kept connection dies under it, and a POST never', async () => {
    // Every connection answers its first request, and dies under its second.
    const raw = await rawApp((_connection, asked) => (asked === 1 ? OK : null));
    const { proxy, door } = await world.serving();
    await unwrap(proxy.put(routeTo('shop.test', raw.target), open()));
    expect((await ask(door.port, 'shop.test')).status).toBe(200);
    expect((await ask(door.port, 'shop.test')).status).toBe(200);
    expect(raw.requests).toBe(3);
    expect((await ask(door.port, 'shop.test', { method: 'POST', body: 'pay' })).status).toBe(502);
    expect(raw.requests).toBe(4);
  });
  it('does not send a GET again when a new connection dies under it: the request itself may be why', async () => {
    const raw = await rawApp(() => null);
    const { proxy, door } = await world.serving();
    await unwrap(proxy.put(routeTo('shop.test', raw.target), open()));
    expect((await ask(door.port, 'shop.test')).status).toBe(502);
    expect(raw.requests).toBe(1);
  });
  it('goes to another target of the route where one cannot be connected to', async () => {
    const { proxy, door } = await world.serving();
    const [gone, there] = [await world.app('gone'), await world.app('there')];
    await gone.close();
    await unwrap(proxy.put(routeTo('shop.test', gone, there), open()));
    for (let count = 0; count < 4; count += 1) {
      expect((await ask(door.port, 'shop.test', { method: 'POST', body: 'x' })).body).toBe('there');
    }
  });
  it('gives up on a visitor who does not finish: header, upload, or taking the answer', async () => {
    const { port, app } = await shop(
      (incoming, response) => {
        if (incoming.url === '/large') response.end(Buffer.alloc(30_000_000));
        else incoming.on('end', () => response.end('done')).resume();
      },
      { headerTimeout: 200, idleTimeout: 200 },
    );
    expect(await speak(port, 'GET / HTTP/1.1\r\nhost: shop.test\r\n')).toMatch(/^HTTP\/1.1 408 /);
    const upload = await speak(
      port,
      'POST / HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\ncontent-length: 10\r\n\r\nhalf',
    );
    expect(upload).toMatch(/^HTTP\/1.1 408 /);
    const socket = connect(port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('GET /large HTTP/1.1\r\nhost: shop.test\r\n\r\n');
    await eventually(() => app.seen.some(({ url }) => url === '/large'), 'the app is asked');
    await eventually(() => app.sockets.size === 0, 'the app is let go of');
    socket.resume();
    await closed;
  });
  it('does not fail a visitor because a host cannot hear of it', async () => {
    const { proxy, door } = await world.serving({
      onProblem: () => {
        throw new Error('deaf');
      },
    });
    const app = await world.app('one');
    await unwrap(proxy.put(routeTo('shop.test', app), open()));
    await app.close();
    expect((await ask(door.port, 'shop.test')).status).toBe(502);
    expect((await ask(door.port, 'shop.test')).status).toBe(502);
  });
});
