/** A proxy that can weigh, two apps behind it, and visitors before it: all on loopback. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ProxyManager, type Route, systemClock, type Target, unwrap } from '../../packages/core/src/ports.js';
import { memoryStore } from '../../packages/core/src/testing/index.js';
import { haproxy } from '../../packages/haproxy-adapter/src/index.js';
import { PROOF_KEY, startHaproxy } from '../../packages/haproxy-adapter/test/support/world.js';
import { embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { openVisitors, type Visitors } from './visitors.js';

const STORE_ID = 'abcdefghij12';
export const DOMAIN = 'shop.apps.test';

export interface App extends Target {
  /** Nobody is served any more, and whoever is connected is cut off. */
  die(): Promise<void>;
}

export interface Ground extends AsyncDisposable {
  readonly proxy: ProxyManager;
  readonly visitors: Visitors;
  /**
   * One that answers its name: `/500` with that status, `/slow/30` after 30 ms.
   * @param status of all its other answers
   */
  app(instance: string, status?: number): Promise<App>;
  put(isSticky: boolean, ...targets: readonly Target[]): Promise<void>;
}

export const GROUNDS = { embedded: openEmbedded, haproxy: openHaproxy } as const;

export const open = (): { readonly signal: AbortSignal } => ({ signal: new AbortController().signal });

async function openEmbedded(): Promise<Ground> {
  const proxy = unwrap(embeddedProxy({ drainTimeout: 200 }));
  proxy.attach?.(memoryStore({ storeId: STORE_ID }).connect(), systemClock());
  const { port } = await unwrap(proxy.listen({ host: '127.0.0.1', port: 0 }));
  return ground(proxy, port, () => undefined);
}

async function openHaproxy(): Promise<Ground> {
  const running = await startHaproxy();
  const { socket, map, port } = running;
  const proxy = unwrap(haproxy({ socket, map, frontDoor: `http://127.0.0.1:${port}`, proofKey: PROOF_KEY }));
  proxy.attach?.(memoryStore({ storeId: STORE_ID }).connect(), systemClock());
  return ground(proxy, port, () => running.stop());
}

function ground(proxy: ProxyManager, port: number, stop: () => unknown): Ground {
  const visitors = openVisitors(port, DOMAIN);
  const servers: Server[] = [];
  return {
    proxy,
    visitors,
    async app(instance, status = 200) {
      const server = createServer((request, response) => {
        const [, word, ms] = /^\/([a-z]+|\d+)(?:\/(\d+))?/.exec(request.url ?? '') ?? [];
        const own = Number(word) || status;
        setTimeout(() => response.writeHead(own).end(instance), word === 'slow' ? Number(ms) : 0);
      });
      server.keepAliveTimeout = 60_000;
      servers.push(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port: at } = server.address() as AddressInfo;
      const die = async () => {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      };
      return { instance, host: '127.0.0.1', port: at, die };
    },
    async put(isSticky, ...targets) {
      const plain = targets.map(({ instance, host, port: at, weight = 1 }) => ({ instance, host, port: at, weight }));
      const route: Route = {
        domain: DOMAIN,
        mark: `${STORE_ID}-shop`,
        targets: plain,
        options: {},
        ...(isSticky ? { sticky: true } : {}),
      };
      await unwrap(proxy.put(route, open()));
    },
    async [Symbol.asyncDispose]() {
      visitors.close();
      await proxy.close?.();
      await stop();
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}
