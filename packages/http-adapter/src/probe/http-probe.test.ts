import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { hostname } from 'node:os';
import type { HealthProbe, ProbeRequest } from '@quayside/core/ports';
import { afterEach, describe, expect, it } from 'vitest';
import { countListeners } from '../../../../test/support/listeners.js';
import { httpProbe } from './http-probe.js';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const probe = httpProbe()._unsafeUnwrap();
const open = () => ({ signal: new AbortController().signal });
const request = (port: number, more: Partial<ProbeRequest> = {}): ProbeRequest => ({
  kind: 'http',
  host: '127.0.0.1',
  port,
  timeoutMs: 2_000,
  method: 'GET',
  path: '/',
  headers: {},
  ...more,
});
const look = (port: number, more: Partial<ProbeRequest> = {}) => probe.check(request(port, more), open());

function listen(server: Server | TcpServer): Promise<number> {
  return new Promise((resolve) => {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    });
    ends.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
const serve = (answer: (request: IncomingMessage, response: ServerResponse) => void) => listen(createServer(answer));
const serveRaw = (onSocket: (socket: Socket) => void) => listen(createTcpServer(onSocket));

async function freePort(): Promise<number> {
  const port = await serve(() => undefined);
  ends.pop()?.();
  return port;
}

describe('httpProbe, http', () => {
  it('answers status, body and location as they came, and asks as it was told', async () => {
    const seen: IncomingMessage[] = [];
    const port = await serve((asked, response) => {
      seen.push(asked);
      response.writeHead(503, { 'x-a': 'b' }).end('warming up');
    });
    const answer = await look(port, {
      method: 'POST',
      path: '/health?deep=1',
      headers: { Host: 'shop.test', 'X-Probe': 'yes' },
    });
    expect(answer._unsafeUnwrap()).toEqual({ status: 503, body: 'warming up', location: null });
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/health?deep=1' });
    expect(seen[0]?.headers).toMatchObject({ host: 'shop.test', 'x-probe': 'yes' });
  });

  it('follows no redirect: the 301 is the evidence', async () => {
    const asked: string[] = [];
    const port = await serve(({ url = '' }, response) => {
      asked.push(url);
      response.writeHead(url === '/' ? 301 : 200, { location: '/login' }).end();
    });
    expect((await look(port))._unsafeUnwrap()).toMatchObject({ status: 301, location: '/login' });
    expect(asked).toEqual(['/']);
  });

  it('opens a connection for every attempt and leaves none', async () => {
    const ports = new Set<number | undefined>();
    const server = createServer((asked, response) => {
      ports.add(asked.socket.remotePort);
      response.end('ok');
    });
    const port = await listen(server);
    for (let i = 0; i < 5; i += 1) expect((await look(port)).isOk()).toBe(true);
    expect(ports.size).toBe(5);
    await expect.poll(() => new Promise((resolve) => server.getConnections((_, count) => resolve(count)))).toBe(0);
  });

  it('reads 64 kB of an endless body and lets go of it', async () => {
    let closed = false;
    const port = await serve((_, response) => {
      const timer = setInterval(() => response.write('x'.repeat(10_000)), 1);
      response.once('close', () => {
        clearInterval(timer);
        closed = true;
      });
    });
    expect((await look(port))._unsafeUnwrap().body).toBe('x'.repeat(65_536));
    await expect.poll(() => closed).toBe(true);
  });

  it('reads a body that comes in pieces to its end, and cuts no character in two', async () => {
    const port = await serve(({ url }, response) => {
      if (url === '/long') return void response.end('é'.repeat(40_000));
      const bytes = Buffer.from('grün');
      response.write(bytes.subarray(0, 3));
      setTimeout(() => response.end(bytes.subarray(3)), 20);
    });
    expect((await look(port))._unsafeUnwrap().body).toBe('grün');
    const { body } = (await look(port, { path: '/long' }))._unsafeUnwrap();
    expect(body).toBe('é'.repeat(32_768));
    expect((await look(port, { path: '/long', method: 'HEAD' }))._unsafeUnwrap().body).toBe('');
  });

  it('takes a 101 for the answer that it is', async () => {
    const port = await serveRaw((socket) => {
      socket.once('data', () =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
      );
    });
    expect((await look(port))._unsafeUnwrap().status).toBe(101);
  });

  it('sees a service that answers after 80 ms within 100 ms, when it looks every 10 ms', async () => {
    const port = await freePort();
    const server = createServer((_, response) => response.end('ok'));
    ends.push(() => server.close());
    // The first attempt loads nothing that the others would not need.
    await look(port);
    const beganMs = performance.now();
    let upMs = 0;
    setTimeout(
      () =>
        server.listen(port, '127.0.0.1', () => {
          upMs = performance.now();
        }),
      80,
    );
    while ((await look(port)).isErr()) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(upMs).toBeGreaterThan(0);
    expect(performance.now() - upMs).toBeLessThan(50);
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(80);
  });
});

describe('httpProbe, failures', () => {
  const failed = async (answer: ReturnType<HealthProbe['check']>) => {
    const error = (await answer)._unsafeUnwrapErr();
    expect(error.hint).not.toBe('');
    return error;
  };

  it('says refused where nobody listens', async () => {
    const port = await freePort();
    const error = await failed(look(port, { path: '/h?token=hidden' }));
    expect(error).toMatchObject({ kind: 'probe-failed', reason: 'refused', code: 'ECONNREFUSED', retryable: true });
    expect(error.message).toContain(`http://127.0.0.1:${port}/h`);
    expect(error.message).not.toContain('hidden');
  });

  it('says dns where the name does not resolve', async () => {
    expect(await failed(look(80, { host: 'nobody.invalid' }))).toMatchObject({ reason: 'dns' });
  });

  it('says reset where the connection is closed without an answer, or within the body', async () => {
    const silent = await serveRaw((socket) => socket.once('data', () => socket.destroy()));
    expect(await failed(look(silent))).toMatchObject({ reason: 'reset' });
    const half = await serveRaw((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')),
    );
    const error = await failed(look(half));
    expect(error).toMatchObject({ reason: 'reset' });
    expect(error.message).toContain('answered 200');
  });

  it('says what else it is that answers: TLS, or no HTTP at all', async () => {
    const tls = await serveRaw((socket) => socket.once('data', () => socket.end(Buffer.from([21, 3, 1, 0, 2, 2, 70]))));
    expect(await failed(look(tls))).toMatchObject({ reason: 'reset', code: 'tls' });
    const other = await serveRaw((socket) => socket.once('data', () => socket.end('220 mail.test ESMTP\r\n')));
    const error = await failed(look(other));
    expect(error).toMatchObject({ reason: 'reset' });
    expect(error.message).toContain('not HTTP');
  });

  it("gives up after the attempt's own limit, before the head and within the body", async () => {
    const port = await serve(({ url }, response) => {
      if (url === '/body') response.write('a start');
    });
    for (const path of ['/', '/body']) {
      const beganMs = performance.now();
      const error = await failed(look(port, { path, timeoutMs: 120 }));
      expect(error).toMatchObject({ kind: 'probe-failed', reason: 'timeout' });
      expect(error.message).toContain('120 ms');
      expect(performance.now() - beganMs).toBeGreaterThanOrEqual(115);
      expect(performance.now() - beganMs).toBeLessThan(600);
    }
  });

  it("answers aborted at once, and keeps no listener on the caller's signal", async () => {
    let connections = 0;
    const port = await serve(() => {
      connections += 1;
    });
    expect((await probe.check(request(port), { signal: AbortSignal.abort() }))._unsafeUnwrapErr().kind).toBe('aborted');
    expect(connections).toBe(0);
    for (const kind of ['http', 'tcp'] as const) {
      const controller = new AbortController();
      const { signal } = controller;
      const listening = countListeners(signal);
      const beganMs = performance.now();
      const waiting = probe.check(request(port, { kind }), { signal });
      // A tcp attempt is over after 25 ms: it is broken off while it connects.
      setTimeout(() => controller.abort(), kind === 'tcp' ? 0 : 20);
      expect((await waiting)._unsafeUnwrapErr().kind).toBe('aborted');
      expect(performance.now() - beganMs).toBeLessThan(500);
      expect(listening.now).toBe(0);
    }
  });

  it('shows no secret of a header, whoever says it', async () => {
    const headers = { Authorization: 'Bearer s3cret-token', Cookie: 'session=c00kie-value', 'X-Api-Key': 'k3y-value' };
    const echo = await serve((asked, response) =>
      response
        .writeHead(302, { location: `/?key=${asked.headers['x-api-key']}` })
        .end(`you sent ${asked.headers.authorization} and ${asked.headers.cookie}`),
    );
    const answer = (await look(echo, { headers }))._unsafeUnwrap();
    expect(answer.body).toMatch(/^you sent \*\*\* and /);
    const errors = [
      await failed(look(await freePort(), { headers })),
      await failed(look(echo, { headers: { ...headers, 'x-token': 'bad\nvalue-here' } })),
      await failed(look(echo, { headers, path: '/with space' })),
    ];
    expect(errors[1]).toMatchObject({ retryable: false });
    expect(errors[2]).toMatchObject({ retryable: false });
    const said = JSON.stringify([answer, errors, errors.map(({ cause }) => String(cause))]);
    for (const secret of ['s3cret-token', 'c00kie-value', 'k3y-value', 'value-here'])
      expect(said).not.toContain(secret);
  });
});

describe('httpProbe, tcp', () => {
  it('is content with a connection that stays, and with one that is spoken on first', async () => {
    const quiet = await serveRaw(() => undefined);
    expect((await look(quiet, { kind: 'tcp' }))._unsafeUnwrap()).toEqual({ status: null, body: '', location: null });
    const greeting = await serveRaw((socket) => socket.end('220 hello\r\n'));
    expect((await look(greeting, { kind: 'tcp' })).isOk()).toBe(true);
  });

  it('is not fooled by a forwarder that accepts and closes at once', async () => {
    const forwarder = await serveRaw((socket) => setTimeout(() => socket.destroy(), 2));
    const error = (await look(forwarder, { kind: 'tcp' }))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'probe-failed', reason: 'reset' });
  });

  it('says refused where nobody listens', async () => {
    const error = (await look(await freePort(), { kind: 'tcp' }))._unsafeUnwrapErr();
    expect(error).toMatchObject({ reason: 'refused' });
    expect(error.message).toContain('Connecting to 127.0.0.1:');
  });
});

describe('httpProbe, options', () => {
  it('reaches this machine by default, and its network first where one is named', () => {
    expect(probe.reaches.at(-1)).toEqual({ kind: 'published', node: hostname() });
    const inside = httpProbe({ network: 'apps', node: 'box' })._unsafeUnwrap();
    expect(inside.reaches[0]).toEqual({ kind: 'name', network: 'apps' });
    expect(inside.reaches.at(-1)).toEqual({ kind: 'published', node: 'box' });
    const reaches = [{ kind: 'published', node: '*' }] as const;
    expect(httpProbe({ reaches: [...reaches] })._unsafeUnwrap().reaches).toEqual(reaches);
  });

  it('refuses what it does not know', () => {
    const error = httpProbe({ networks: 'apps' } as never)._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'invalid-options' });
    expect(error.issues[0]?.path).toBe('httpProbe.networks');
  });
});
