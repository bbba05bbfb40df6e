/** Real apps, real clients and proxies that share a store, all on loopback. Everything that was opened is closed by `close()`. */
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Clock, Route, Store, Target } from '@quayside/core/ports';
import { unwrap } from '@quayside/core/ports';
import { type MemoryStore, memoryStore } from '@quayside/core/testing';
import { type EmbeddedProxy, type EmbeddedProxyOptions, embeddedProxy, type Listening } from '../../src/index.js';

export const STORE_ID = 'abcdefghij12';
export const MARK = `${STORE_ID}-shop-dev`;

export const realClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, Math.max(0, ms)).unref();
    return () => clearTimeout(timer);
  },
};

export const open = (): { readonly signal: AbortSignal } => ({ signal: new AbortController().signal });

export interface App extends Target {
  readonly server: Server;
  readonly sockets: ReadonlySet<Socket>;
  /** Requests that it has seen. */
  readonly seen: IncomingMessage[];
  close(): Promise<void>;
}

export interface Reply {
  readonly status: number;
  readonly message: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface AskOptions {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: { readonly [name: string]: string | string[] };
  readonly body?: string | Buffer;
}

export interface World {
  readonly store: MemoryStore;
  /** An app that answers its instance's name, or as it is told. */
  app(instance: string, listener?: RequestListener, port?: number): Promise<App>;
  /** A proxy that shares the store, as another process would, and listens where `listen` is not false. */
  proxy(options?: EmbeddedProxyOptions & { readonly store?: Store; readonly clock?: Clock }): EmbeddedProxy;
  serving(
    options?: EmbeddedProxyOptions & { readonly store?: Store; readonly clock?: Clock },
  ): Promise<{ readonly proxy: EmbeddedProxy; readonly door: Listening }>;
  onClose(work: () => unknown): void;
  close(): Promise<void>;
}

export function openWorld(): World {
  const store = memoryStore({ storeId: STORE_ID });
  const closers: (() => unknown)[] = [];
  const world: World = {
    store,
    async app(instance, listener = (_request, response) => void response.end(instance), port = 0) {
      const seen: IncomingMessage[] = [];
      const sockets = new Set<Socket>();
      const server = createServer((incoming, response) => {
        seen.push(incoming);
        listener(incoming, response);
      });
      server.on('connection', (socket) => {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
      });
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      const close = async () => {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      };
      closers.push(close);
      return {
        instance,
        host: '127.0.0.1',
        port: (server.address() as AddressInfo).port,
        server,
        sockets,
        seen,
        close,
      };
    },
    proxy({ store: given = store.connect(), clock = realClock, ...options } = {}) {
      const proxy = embeddedProxy({ drainTimeout: 300, ...options })._unsafeUnwrap();
      proxy.attach?.(given, clock);
      closers.push(() => proxy.close?.());
      return proxy;
    },
    async serving(options) {
      const proxy = world.proxy(options);
      const door = await unwrap(proxy.listen({ host: '127.0.0.1', port: 0 }));
      return { proxy, door };
    },
    onClose: (work) => void closers.push(work),
    async close() {
      for (const close of closers.reverse()) await close();
    },
  };
  return world;
}

export const routeTo = (domain: string, ...targets: readonly Target[]): Route => ({
  domain,
  mark: MARK,
  targets: targets.map(({ instance, host, port, weight }) => ({
    instance,
    host,
    port,
    ...(weight === undefined ? {} : { weight }),
  })),
  options: {},
});

/** A request on a connection of its own. */
export function ask(
  port: number,
  domain: string,
  { path = '/', method = 'GET', headers = {}, body }: AskOptions = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path,
      method,
      headers: {
        host: domain,
        ...(body === undefined ? {} : { 'content-length': `${Buffer.byteLength(body)}` }),
        ...headers,
      },
      agent: false,
    });
    outgoing.on('error', reject);
    outgoing.on('response', (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          message: answer.statusMessage ?? '',
          headers: answer.headers,
          rawHeaders: answer.rawHeaders,
          body: Buffer.concat(parts).toString(),
        }),
      );
    });
    outgoing.end(body);
  });
}

/** What a server says to these bytes until it closes, or until the text has come. */
export function speak(port: number, bytes: string, until?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let said = '';
    const timer = setTimeout(() => socket.destroy(new Error(`still open after 5 s, said: ${said}`)), 5000);
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
      if (until !== undefined && said.includes(until)) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(said);
    });
    socket.write(bytes);
  });
}

/** Resolves once the condition holds; rejects after `limitMs`. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string, limitMs = 5000): Promise<void> {
  const endsAt = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > endsAt) throw new Error(`Not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
