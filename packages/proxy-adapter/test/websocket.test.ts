/** WebSockets: upgraded, counted, and outliving every change of their route. */
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { unwrap } from '@quayside/core/ports';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, eventually, MARK, open, openWorld, routeTo, speak, type World } from './support/world.js';

let world: World;
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world.close());

/** An app that says its name, then sends back what it gets, unframed: the proxy must not care. */
async function socketApp(instance: string) {
  const app = await world.app(instance);
  const upgrades: IncomingMessage[] = [];
  const sockets: Duplex[] = [];
  app.server.on('upgrade', (request, socket, head) => {
    upgrades.push(request);
    sockets.push(socket);
    socket.on('error', () => undefined);
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n${instance}:`,
    );
    if (head.length > 0) socket.write(head);
    socket.pipe(socket);
  });
  return { ...app, upgrades, upgraded: sockets };
}

const opening = (host: string, path = '/') =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nCookie: a=1\r\n\r\n`;

/** A visitor's end: what came behind the answer's header, and the socket. */
async function visitor(port: number, host: string, early = '') {
  const socket: Socket = connect(port, '127.0.0.1');
  let said = '';
  socket.on('error', () => undefined);
  socket.on('data', (part: Buffer) => {
    said += part.toString('latin1');
  });
  socket.write(opening(host, '/chat?room=1') + early);
  await eventually(() => said.includes('\r\n\r\n') && said.includes(':'), 'the upgrade is answered');
  return {
    socket,
    head: () => said.slice(0, said.indexOf('\r\n\r\n')),
    body: () => said.slice(said.indexOf('\r\n\r\n') + 4),
  };
}

describe('WebSockets', () => {
  it('carry bytes both ways, from the first one on, and the app is told who asks', async () => {
    const { proxy, door } = await world.serving();
    const app = await socketApp('one');
    await unwrap(proxy.put(routeTo('shop.test', app), open()));
    const mine = await visitor(door.port, 'shop.test', 'early');
    expect(mine.head()).toMatch(/^HTTP\/1\.1 101 /);
    expect(mine.head().toLowerCase()).toContain('upgrade: websocket');
    expect(mine.head()).toContain('Sec-WebSocket-Accept');
    await eventually(() => mine.body() === 'one:early', 'what was sent with the request arrives');
    mine.socket.write('late');
    await eventually(() => mine.body() === 'one:earlylate', 'what is sent later arrives');
    expect(app.upgrades[0]).toMatchObject({ url: '/chat?room=1' });
    expect(app.upgrades[0]?.headers).toMatchObject({
      host: 'shop.test',
      cookie: 'a=1',
      'x-forwarded-for': '127.0.0.1',
      upgrade: 'websocket',
    });
  });
  it('outlive a cutover and the removal of their route, while new ones go to the new instance', async () => {
    const { proxy, door } = await world.serving();
    const [one, two] = [await socketApp('one'), await socketApp('two')];
    await unwrap(proxy.put(routeTo('shop.test', one), open()));
    const before = await visitor(door.port, 'shop.test');
    await unwrap(proxy.put(routeTo('shop.test', two), open()));
    const after = await visitor(door.port, 'shop.test');
    await unwrap(proxy.remove({ domain: 'shop.test', mark: MARK }, open()));
    before.socket.write('still');
    after.socket.write('new');
    await eventually(() => before.body() === 'one:still' && after.body() === 'two:new', 'both go on');
    expect(await unwrap(proxy.inFlight!('one', open()))).toBe(1);
    expect(await unwrap(proxy.inFlight!('two', open()))).toBe(1);
    before.socket.destroy();
    after.socket.end();
    await eventually(async () => (await unwrap(proxy.inFlight!('one', open()))) === 0, 'a cut one counts no more');
    await eventually(async () => (await unwrap(proxy.inFlight!('two', open()))) === 0, 'an ended one counts no more');
  });
  it('end for the visitor when the app ends, and for the app when the visitor does', async () => {
    const { proxy, door } = await world.serving();
    const app = await socketApp('one');
    await unwrap(proxy.put(routeTo('shop.test', app), open()));
    const first = await visitor(door.port, 'shop.test');
    const ended = new Promise((resolve) => first.socket.once('close', resolve));
    app.upgraded[0]?.destroy();
    await ended;
    const second = await visitor(door.port, 'shop.test');
    const left = new Promise((resolve) => app.upgraded[1]?.once('close', resolve));
    second.socket.destroy();
    await left;
  });
  it('that an app refuses get its answer, and where there is no app a page', async () => {
    const { proxy, door } = await world.serving();
    const app = await world.app('one');
    app.server.on(
      'upgrade',
      (_request, socket) =>
        void socket.end('HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic\r\ncontent-length: 4\r\n\r\nwho?'),
    );
    await unwrap(proxy.put(routeTo('shop.test', app), open()));
    const refused = await speak(door.port, opening('shop.test'));
    expect(refused).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/);
    expect(refused.toLowerCase()).toContain('connection: close');
    expect(refused.endsWith('who?')).toBe(true);
    expect(await speak(door.port, opening('none.test'))).toMatch(/^HTTP\/1\.1 404 /);
    await app.close();
    expect(await speak(door.port, opening('shop.test'))).toMatch(/^HTTP\/1\.1 502 /);
    expect(await unwrap(proxy.inFlight!('one', open()))).toBe(0);
  });
  it('whose app does not answer meet the limit', async () => {
    const { proxy, door } = await world.serving({ answerTimeout: 100 });
    const app = await world.app('one');
    app.server.on('upgrade', () => undefined);
    await unwrap(proxy.put(routeTo('shop.test', app), open()));
    expect(await speak(door.port, opening('shop.test'))).toMatch(/^HTTP\/1\.1 504 /);
  });
  it('are the only upgrade: a request for h2c is answered over HTTP/1.1', async () => {
    const { proxy, door } = await world.serving();
    const app = await world.app('one');
    await unwrap(proxy.put(routeTo('shop.test', app), open()));
    const said = await speak(
      door.port,
      'GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
    );
    expect(said).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(said.endsWith('one')).toBe(true);
    expect(app.seen[0]?.headers).not.toHaveProperty('upgrade');
    expect(app.seen[0]?.headers).not.toHaveProperty('http2-settings');
  });
  it('are cut by close() once the time to drain is over, and no sooner', async () => {
    const { proxy, door } = await world.serving({ drainTimeout: 300 });
    const app = await socketApp('one');
    await unwrap(proxy.put(routeTo('shop.test', app), open()));
    const mine = await visitor(door.port, 'shop.test');
    let isCut = false;
    mine.socket.once('close', () => {
      isCut = true;
    });
    const closing = proxy.close?.();
    await sleep(150);
    mine.socket.write('x');
    await eventually(() => mine.body() === 'one:x', 'it goes on meanwhile');
    expect(isCut).toBe(false);
    await expect(ask(door.port, 'shop.test')).rejects.toThrow();
    await closing;
    await eventually(() => isCut, 'it is cut');
  });
});
