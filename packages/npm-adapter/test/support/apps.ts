/** Small apps for a proxy to send requests to. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ServedTarget } from '@quayside/core/testing';
import { type Downloads, downloads } from '../../../../test/support/visitor.js';

/** Header by which an app says who it is. */
export const APP_HEADER = 'x-quayside-app';

export interface Apps {
  /** What every app has at a path of its own. */
  readonly downloads: Downloads;
  serve(
    instance: string,
    app?: {
      readonly status?: number | ((path: string) => number);
      readonly at?: { readonly port: number };
      readonly headers?: { readonly [name: string]: string };
      /** Sees every request. */
      readonly onRequest?: (request: IncomingMessage) => void;
    },
  ): Promise<ServedTarget>;
  close(): Promise<void>;
}

/** @param host where they listen, and where the proxy reaches them */
export function startApps(host: string): Apps {
  const open = new Set<() => Promise<void>>();
  const streams = downloads();
  return {
    downloads: streams,
    async serve(instance, { status = 200, at, headers = {}, onRequest } = {}) {
      const paths: string[] = [];
      const server = createServer((request, response) => {
        const path = request.url ?? '/';
        paths.push(path);
        onRequest?.(request);
        if (streams.serve(request, response)) return;
        const code = typeof status === 'function' ? status(path) : status;
        response.writeHead(code, { [APP_HEADER]: instance, ...headers });
        response.end(code === 204 ? undefined : `I am ${instance}\n`);
      });
      // An echo: what arrives over an upgraded connection goes back.
      server.on('upgrade', (request, socket) => {
        socket.on('error', () => socket.destroy());
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
        socket.on('data', (chunk) => socket.write(`${instance}:${chunk}`));
        sockets.add(socket);
        request.resume();
      });
      const sockets = new Set<{ destroy(): unknown }>();
      server.listen(at?.port ?? 0, host);
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const stop = async () => {
        if (!open.delete(stop)) return;
        for (const socket of sockets) socket.destroy();
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      };
      open.add(stop);
      return { instance, host, port, requests: () => paths, stop };
    },
    async close() {
      await Promise.all([...open].map((stop) => stop()));
    },
  };
}
