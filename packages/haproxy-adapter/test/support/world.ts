/** A real HAProxy with the configuration that the package writes, real apps behind it, all on loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, request, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProxyManager, systemClock, type Target } from '@quayside/core/ports';
import { type MemoryStore, memoryStore } from '@quayside/core/testing';
import { freePort } from '../../../../test/support/registry.js';
import { type HaproxyOptions, haproxy, haproxyConfiguration } from '../../src/index.js';

export const STORE_ID = 'abcdefghij12';
export const PROOF_KEY = 'a-key-for-tests-alone-0123456789';
export const open = (): { readonly signal: AbortSignal } => ({ signal: new AbortController().signal });

export interface Haproxy {
  readonly socket: string;
  readonly map: string;
  readonly port: number;
  readonly config: string;
  /** Commands on its socket, as a person would send them. */
  say(command: string): Promise<string>;
  /** Ends it (by SIGKILL) and starts it anew; answers when it listens. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

type Configuration = NonNullable<HaproxyOptions['configuration']>;

/** @param at default: paths of its own; the map as another one's */
export async function startHaproxy(
  options: Configuration = {},
  extra = '',
  at: { readonly map?: string } = {},
): Promise<Haproxy> {
  const folder = await mkdtemp(join(tmpdir(), 'quayside-haproxy-'));
  const map = at.map ?? join(folder, 'routes.map');
  const socket = join(folder, 'admin.sock');
  const config = join(folder, 'haproxy.cfg');
  const port = await freePort();
  if (!at.map) await writeFile(map, '');
  const text = haproxyConfiguration({
    socket,
    map,
    proofKey: PROOF_KEY,
    configuration: { bind: [`127.0.0.1:${port}`], slots: 24, ...options },
  })._unsafeUnwrap();
  await writeFile(config, `${text}\nbackend theirs\n  mode http\n${extra}`);
  let child: ChildProcess | undefined;
  let said = '';
  const start = async () => {
    said = '';
    const started = spawn('haproxy', ['-db', '-f', config], { stdio: ['ignore', 'pipe', 'pipe'] });
    child = started;
    for (const stream of [started.stdout, started.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
      });
    await eventually(async () => {
      if (started.exitCode !== null) throw new Error(`haproxy ended: ${said}`);
      return (await say(socket, 'show version').catch(() => '')) !== '';
    }, 'haproxy answers on its socket');
  };
  const end = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  await start();
  return {
    socket,
    map,
    port,
    config,
    say: (command) => say(socket, command),
    async restart() {
      await end();
      await start();
    },
    async stop() {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function say(socket: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const connection = connect({ path: socket });
    let text = '';
    connection.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    connection.once('error', reject);
    connection.once('close', () => resolve(text));
    connection.write(`${command}\n`);
  });
}

/** Passes connections on to one socket or another. */
export async function startSwitch(
  first: string,
): Promise<{ socket: string; to(path: string): void; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'quayside-switch-'));
  const socket = join(folder, 'switch.sock');
  let path = first;
  const server = createNetServer((near) => {
    const far = connect({ path });
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(socket);
  await once(server, 'listening');
  return {
    socket,
    to(next) {
      path = next;
    },
    async stop() {
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface App extends Target {
  readonly server: Server;
  close(): Promise<void>;
}

export interface World {
  readonly store: MemoryStore;
  readonly haproxy: Haproxy;
  app(instance: string, listener?: RequestListener, port?: number): Promise<App>;
  /** An adapter as another process would have it, over the same store. */
  adapter(options?: Partial<HaproxyOptions>): ProxyManager;
  onClose(work: () => unknown): void;
  close(): Promise<void>;
}

export async function openWorld(options: Configuration = {}, extra = ''): Promise<World> {
  const store = memoryStore({ storeId: STORE_ID });
  const closers: (() => unknown)[] = [];
  const running = await startHaproxy(options, extra);
  closers.push(() => running.stop());
  return {
    store,
    haproxy: running,
    async app(instance, listener = (_request, response) => void response.end(instance), port = 0) {
      const sockets = new Set<Socket>();
      const server = createServer(listener);
      server.on('connection', (socket) => {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
      });
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      const close = async () => {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      };
      closers.push(close);
      return { instance, host: '127.0.0.1', port: (server.address() as AddressInfo).port, server, close };
    },
    adapter(given = {}) {
      const proxy = haproxy({
        socket: running.socket,
        map: running.map,
        frontDoor: `http://127.0.0.1:${running.port}`,
        proofKey: PROOF_KEY,
        ...given,
      })._unsafeUnwrap();
      proxy.attach?.(store.connect(), systemClock());
      closers.push(() => proxy.close?.());
      return proxy;
    },
    onClose: (work) => void closers.push(work),
    async close() {
      for (const close of closers.reverse()) await close();
    },
  };
}

export interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** A request on a connection of its own. */
export function ask(
  port: number,
  domain: string,
  { path = '/', headers = {} }: { readonly path?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, headers: { host: domain, ...headers }, agent: false });
    sent.once('error', reject);
    sent.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.end();
  });
}

export async function eventually(
  holds: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 5_000,
): Promise<void> {
  const endsAt = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > endsAt) throw new Error(`Not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
