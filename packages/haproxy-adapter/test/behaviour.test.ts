/** What the adapter promises beyond the laws, on a real HAProxy. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { unwrap } from '@quayside/core/ports';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../../test/support/registry.js';
import { ask, eventually, open, PROOF_KEY } from './support/world.js';
import { route, useWorlds } from './support/worlds.js';

const GET = { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 299]] as const };
const world = useWorlds();

/** A WebSocket of the plainest kind: what it says comes back behind the instance's name. */
const echo = (
  app: { server: { on(event: 'upgrade', listener: (request: IncomingMessage, socket: Socket) => void): unknown } },
  name: string,
) =>
  app.server.on('upgrade', (request, socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on('data', (chunk) => socket.write(`${name}:${chunk}`));
  });

async function upgraded(port: number, domain: string): Promise<{ socket: Socket; said(): string }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  socket.write(
    `GET /ws HTTP/1.1\r\nHost: ${domain}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  await eventually(() => text.includes('101'), 'the connection is upgraded');
  return { socket, said: () => text };
}

describe('a restart of HAProxy', () => {
  it('loses no route: what was put comes back from the store, without anybody asking', async () => {
    const { haproxy, adapter, app } = await world();
    const proxy = adapter();
    const [one, two] = [await app('one'), await app('two')];
    await unwrap(proxy.put(route('shop', one), open()));
    await unwrap(proxy.put(route('blog', two), open()));
    await unwrap(proxy.put(route('wiki', two), open()));
    await unwrap(proxy.remove(route('wiki', two), open()));
    await haproxy.restart();
    await eventually(async () => (await ask(haproxy.port, 'shop.apps.test')).body === 'one', 'shop is served again');
    await eventually(async () => (await ask(haproxy.port, 'blog.apps.test')).body === 'two', 'blog is served again');
    expect((await ask(haproxy.port, 'wiki.apps.test')).status).toBe(404);
    await unwrap(proxy.prove(route('shop', one), GET, open()));
  });

  it('is made up for by the first call of another process, too', async () => {
    const { haproxy, adapter, app } = await world();
    const one = await app('one');
    const first = adapter();
    await unwrap(first.put(route('shop', one), open()));
    await first.close?.();
    await haproxy.restart();
    expect((await ask(haproxy.port, 'shop.apps.test')).status).toBe(404);
    const held = await unwrap(adapter().get('shop.apps.test', open()));
    expect(held?.targets).toEqual([{ instance: 'one', host: one.host, port: one.port }]);
    expect((await ask(haproxy.port, 'shop.apps.test')).body).toBe('one');
  });

  it('leaves a domain alone that a person has taken meanwhile', async () => {
    const { haproxy, adapter, app } = await world();
    const [ours, theirs] = [await app('ours'), await app('theirs')];
    const first = adapter();
    await unwrap(first.put(route('shop', ours), open()));
    await first.close?.();
    await haproxy.restart();
    await haproxy.say(`add server theirs/x ${theirs.host}:${theirs.port}`);
    await haproxy.say('set server theirs/x state ready');
    await haproxy.say(`add map ${haproxy.map} shop.apps.test theirs`);
    expect(await unwrap(adapter().get('shop.apps.test', open()))).toMatchObject({ mark: null });
    expect((await ask(haproxy.port, 'shop.apps.test')).body).toBe('theirs');
  });
});

describe('a put', () => {
  it('cuts off nothing: a WebSocket and a download end where they began', async () => {
    const { haproxy, adapter, app } = await world();
    const proxy = adapter();
    let finish = () => {};
    const one = await app('one', (request, response) => {
      if (request.url !== '/download') return void response.end('one');
      response.write('begin;');
      finish = () => void response.end('end');
    });
    echo(one, 'one');
    const two = await app('two');
    await unwrap(proxy.put(route('shop', one), open()));
    const ws = await upgraded(haproxy.port, 'shop.apps.test');
    const download = ask(haproxy.port, 'shop.apps.test', { path: '/download' });
    await eventually(
      async () => (await unwrap(proxy.inFlight?.('one', open()) ?? Promise.reject())) === 2,
      'both count',
    );

    await unwrap(proxy.put(route('shop', two), open()));
    expect((await ask(haproxy.port, 'shop.apps.test')).body).toBe('two');
    // Beyond the time after which the slot that was left is emptied.
    await new Promise((resolve) => setTimeout(resolve, 2_600));
    ws.socket.write('hello');
    await eventually(() => ws.said().includes('one:hello'), 'the WebSocket answers');
    finish();
    expect((await download).body).toBe('begin;end');
    ws.socket.destroy();
    await eventually(
      async () => (await unwrap(proxy.inFlight?.('one', open()) ?? Promise.reject())) === 0,
      'nothing is left',
    );
  });

  it('moves a client on a kept connection on, with its next request', async () => {
    const { haproxy, adapter, app } = await world();
    const proxy = adapter();
    const [one, two] = [await app('one'), await app('two')];
    await unwrap(proxy.put(route('shop', one), open()));
    const { Agent } = await import('node:http');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const get = () =>
      new Promise<string>((resolve, reject) => {
        const sent = httpRequest({ port: haproxy.port, host: '127.0.0.1', agent, headers: { host: 'shop.apps.test' } });
        sent.once('error', reject);
        sent.once('response', (response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            body += chunk;
          });
          response.once('end', () => resolve(body));
        });
        sent.end();
      });
    expect(await get()).toBe('one');
    await unwrap(proxy.put(route('shop', two), open()));
    expect(await get()).toBe('two');
    agent.destroy();
  });

  it('shares requests by weight, from the first request after a change on', async () => {
    const { haproxy, adapter, app } = await world();
    const proxy = adapter();
    const [one, two] = [await app('one'), await app('two')];
    const at = async (first: number, second: number) => {
      await unwrap(proxy.put(route('shop', { ...one, weight: first }, { ...two, weight: second }), open()));
      const bodies = await Promise.all(Array.from({ length: 200 }, () => ask(haproxy.port, 'shop.apps.test')));
      return bodies.filter(({ body }) => body === 'two').length;
    };
    const isNear = async (first: number, second: number) => {
      const count = await at(first, second);
      expect([first, second, Math.abs(count - (200 * second) / (first + second)) <= 6, count]).toEqual([
        first,
        second,
        true,
        count,
      ]);
    };
    await isNear(90, 10);
    // In least terms already: a round of 1,600 requests, of which most are still to come at the change.
    for (let round = 0; round < 3; round += 1) {
      await isNear(89, 11);
      await isNear(89, 11);
      await isNear(11, 89);
    }
    await isNear(50, 50);
    await isNear(0, 100);
    await isNear(0.9, 0.1);
    await isNear(1, 1);
  });

  it('of the same again fills no other backend, and other shares have effect although all are taken', async () => {
    const { haproxy, adapter, app } = await world({ slots: 2 });
    const proxy = adapter();
    const [one, two] = [await app('one'), await app('two')];
    const shares = (first: number, second: number) =>
      route('shop', { ...one, weight: first }, { ...two, weight: second });
    await unwrap(proxy.put(shares(1, 3), open()));
    const servers = await haproxy.say('show servers state');
    await unwrap(proxy.put(shares(1, 3), open()));
    const names = (text: string) => [...text.matchAll(/quayside-\d+ \d+ \S+/g)].map(([name]) => name);
    expect(names(await haproxy.say('show servers state'))).toEqual(names(servers));
    await unwrap(proxy.put(route('blog', one), open()));
    await unwrap(proxy.put(shares(0, 1), open()));
    for (let round = 0; round < 4; round += 1) expect((await ask(haproxy.port, 'shop.apps.test')).body).toBe('two');
  });

  it('needs a free backend, says how many there are, and empties those that were left', {
    timeout: 30_000,
  }, async () => {
    const { adapter, app } = await world({ slots: 3 });
    const proxy = adapter();
    const [one, two] = [await app('one'), await app('two')];
    await unwrap(proxy.put(route('a', one), open()));
    await unwrap(proxy.put(route('b', one), open()));
    await unwrap(proxy.put(route('a', two), open()));
    const full = await proxy.put(route('c', one), open());
    expect(full._unsafeUnwrapErr()).toMatchObject({ kind: 'proxy-refused', code: 'full' });
    expect(full._unsafeUnwrapErr().message).toContain('All 3 backends');
    await eventually(
      async () => (await proxy.put(route('b', two), open())).isOk(),
      'the slot that was left is free',
      8_000,
    );
    await unwrap(proxy.prove(route('b', two), GET, open()));
  });

  it('is refused where the address is a name, which HAProxy would not look up', async () => {
    const { adapter } = await world();
    const target = { instance: 'one', host: 'shop-dev-v1', port: 3000 };
    const refused = await adapter().put(route('shop', target), open());
    expect(refused._unsafeUnwrapErr()).toMatchObject({ kind: 'proxy-refused', code: 'bad-target' });
  });
});

describe('two processes', () => {
  it('that fill backends at the same time never share one', async () => {
    const { haproxy, adapter, app } = await world({ slots: 40 });
    const [one, two] = [await app('one'), await app('two')];
    const [left, right] = [adapter(), adapter()];
    await Promise.all(
      Array.from({ length: 16 }, (_, index) =>
        Promise.all([
          unwrap(left.put(route(`l${index}`, one), open())),
          unwrap(right.put(route(`r${index}`, two), open())),
        ]),
      ),
    );
    for (let index = 0; index < 16; index += 1) {
      expect((await ask(haproxy.port, `l${index}.apps.test`)).body).toBe('one');
      expect((await ask(haproxy.port, `r${index}.apps.test`)).body).toBe('two');
    }
  });
});

describe('what visitors see', () => {
  it('names no instance to who does not know the key, and passes the key on to nobody', async () => {
    const { haproxy, adapter, app } = await world();
    const seen: IncomingMessage['headers'][] = [];
    const one = await app('one', (request, response) => {
      seen.push(request.headers);
      response.end('one');
    });
    await unwrap(adapter().put(route('shop', one), open()));
    expect((await ask(haproxy.port, 'shop.apps.test')).headers['x-quayside-instance']).toBeUndefined();
    const wrong = await ask(haproxy.port, 'shop.apps.test', { headers: { 'x-quayside-proof': 'wrong' } });
    expect(wrong.headers['x-quayside-instance']).toBeUndefined();
    const right = await ask(haproxy.port, 'shop.apps.test', { headers: { 'x-quayside-proof': PROOF_KEY } });
    expect(right.headers['x-quayside-instance']).toBe('one');
    expect(seen).toHaveLength(3);
    for (const headers of seen) {
      expect(headers).not.toHaveProperty('x-quayside-proof');
      expect(headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' });
    }
  });

  it('is an honest page where nothing is deployed, and other frontends are as they were', async () => {
    const port = await freePort();
    const own = `frontend other\n  mode http\n  bind 127.0.0.1:${port}\n  http-request return status 200 content-type text/plain string other\n`;
    const { haproxy, adapter, app } = await world({}, own);
    await unwrap(adapter().put(route('shop', await app('one')), open()));
    expect(await ask(haproxy.port, 'nobody.apps.test')).toMatchObject({ status: 404 });
    expect(await ask(port, 'shop.apps.test')).toMatchObject({ status: 200, body: 'other' });
  });

  it('is TLS where certificates are given, and plain HTTP leads there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quayside-tls-'));
    const run = promisify(execFile);
    const [key, crt] = [join(folder, 'key.pem'), join(folder, 'crt.pem')];
    await run('openssl', [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=shop.apps.test',
      '-keyout',
      key,
      '-out',
      crt,
    ]);
    const { stdout } = await run('cat', [crt, key]);
    const pem = join(folder, 'both.pem');
    await writeFile(pem, stdout);
    const port = await freePort();
    const { haproxy, adapter, app } = await world({ tls: { certificates: pem, bind: [`127.0.0.1:${port}`] } });
    const proxy = adapter({ frontDoor: `https://127.0.0.1:${port}` });
    const one = await app(
      'one',
      (request, response) => void response.end(String(request.headers['x-forwarded-proto'])),
    );
    await unwrap(proxy.put(route('shop', one), open()));
    await unwrap(proxy.prove(route('shop', one), GET, open()));
    expect(await ask(haproxy.port, 'shop.apps.test')).toMatchObject({ status: 308 });
    const sent = httpsRequest({
      host: '127.0.0.1',
      port,
      headers: { host: 'shop.apps.test' },
      rejectUnauthorized: false,
      agent: false,
    });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response.setEncoding('utf8')) body += chunk;
    expect(body).toBe('https');
    await rm(folder, { recursive: true, force: true });
  });
});

describe('an HAProxy that does not answer', () => {
  it('is told apart by what is wrong, each with what to do', { timeout: 20_000 }, async () => {
    const { haproxy, adapter, app } = await world();
    const one = await app('one');
    const nowhere = await adapter({ socket: '/nowhere/admin.sock' }).put(route('shop', one), open());
    expect(nowhere._unsafeUnwrapErr()).toMatchObject({ kind: 'proxy-unreachable', code: 'ENOENT', outcome: 'refused' });
    const other = await adapter({ map: '/etc/other.map' }).put(route('shop', one), open());
    expect(other._unsafeUnwrapErr()).toMatchObject({ kind: 'proxy-refused', code: 'no-map' });
    const misnamed = await adapter({ name: 'other' }).put(route('shop', one), open());
    expect(misnamed._unsafeUnwrapErr()).toMatchObject({ kind: 'proxy-refused', code: 'full' });
    const proxy = adapter({ answerTimeout: 300, proofKey: 'another-key-than-the-configuration' });
    await unwrap(proxy.put(route('shop', one), open()));
    const unproved = await proxy.prove(route('shop', one), GET, { ...open(), timeoutMs: 400 });
    expect(unproved._unsafeUnwrapErr().hint).toContain('proofKey');
    await haproxy.stop();
    const down = await proxy.put(route('shop', one), open());
    expect(down._unsafeUnwrapErr()).toMatchObject({ kind: 'proxy-unreachable' });
  });
});
