import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { Harness, HealthProbeSubject, ProbedApp, ServedApp } from '@quayside/core/testing';
import { acmeProbe } from './adapter.js';

/** What one law works with: the probe, and real apps on loopback that answer as the law wants. */
export async function openSubject(): Promise<Harness<HealthProbeSubject>> {
  const created = acmeProbe();
  if (created.isErr()) throw new Error(created.error.message);
  const apps: ServedApp[] = [];
  const sockets = new Set<Socket>();
  return {
    probe: created.value,
    clock: { now: Date.now, monotonicMs: () => performance.now(), after: () => () => undefined },
    until: async (promise) => promise,
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
      await created.value.close?.();
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
