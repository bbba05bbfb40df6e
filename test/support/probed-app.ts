/** Real apps on ports of loopback, for the laws of `HealthProbe`: what they answer, what arrived, and who is still connected. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { ProbedApp, ServedApp } from '@quayside/core/testing';

export interface ProbedApps {
  serve(app: ProbedApp): Promise<ServedApp>;
  /** Connections to all of them, at most a second after the last of those that are closing. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

export function probedApps(): ProbedApps {
  const apps: ServedApp[] = [];
  const sockets = new Set<Socket>();
  return {
    async serve(app) {
      const served = await serve(app, sockets);
      apps.push(served);
      return served;
    },
    async connections() {
      const endMs = performance.now() + 1_000;
      while (sockets.size > 0 && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 5));
      return sockets.size;
    },
    async close() {
      for (const app of apps) await app.stop();
    },
  };
}

async function serve(app: ProbedApp, sockets: Set<Socket>): Promise<ServedApp> {
  const seen: { method: string; path: string; headers: Record<string, string | undefined> }[] = [];
  const server: Server = app.connection
    ? createTcpServer((socket) => socket.once('data', () => app.connection === 'resets' && socket.destroy()))
    : createServer(({ method = '', url = '', headers }, response) => {
        seen.push({ method, path: url, headers: headers as IncomingHttpHeaders & Record<string, string | undefined> });
        const status = typeof app.status === 'function' ? app.status(url) : (app.status ?? 200);
        response.writeHead(status, app.location ? { location: app.location } : {}).end(app.body ?? '');
      });
  const own = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    for (const all of [sockets, own]) {
      all.add(socket);
      socket.once('close', () => all.delete(socket));
    }
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: '127.0.0.1',
    port,
    requests: () => seen,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of own) socket.destroy();
      }),
  };
}
