import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Harness, ProxyManagerSubject } from '@quayside/core/testing';
import { nextIs } from '../not-implemented.js';
import { acmeProxy } from './adapter.js';

/** Where your proxy takes requests. */
const FRONT_DOOR = new URL(process.env['LAWS_FRONT_DOOR'] ?? 'http://127.0.0.1:8080');
const STORE_ID = '0123456789ab';

let laws = 0;

/** What one law works with: the proxy, apps that it reaches, and a visitor. No route of it may be there when the law begins. */
export async function openSubject(): Promise<Harness<ProxyManagerSubject>> {
  laws += 1;
  const suffix = `law-${laws}.laws.test`;
  const created = acmeProxy({ frontDoor: FRONT_DOOR.href });
  if (created.isErr()) throw new Error(created.error.message);
  const apps: { stop(): Promise<void> }[] = [];
  return {
    proxy: created.value,
    storeId: STORE_ID,
    options: null,
    domain: (name) => `${name}.${suffix}`,
    until: async (promise) => promise,
    pause: () => new Promise((resolve) => setTimeout(resolve, 5)),
    request: visit,
    async occupy() {
      nextIs('`occupy` of test/subject.ts: a route that a person makes, without a mark');
    },
    async serve(instance, app) {
      const served = await serve(instance, app);
      apps.push(served);
      return served;
    },
    async close() {
      // Remove the routes that the law has left: those below the suffix.
      for (const app of apps) await app.stop();
      await created.value.close?.();
    },
  };
}

type Serve = ProxyManagerSubject['serve'];

/** An app on loopback that says by a header who it is. Let it listen where your proxy reaches it. */
async function serve(instance: string, { status = 200, at }: Parameters<Serve>[1] = {}): ReturnType<Serve> {
  const paths: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    paths.push(url);
    response.writeHead(typeof status === 'function' ? status(url) : status, { 'x-app': instance }).end();
  });
  await new Promise<void>((resolve) => server.listen(at?.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    instance,
    host: '127.0.0.1',
    port,
    requests: () => paths,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** One request through the front door, on a connection of its own. */
const visit: ProxyManagerSubject['request'] = (domain, path = '/', cookie) =>
  new Promise((resolve, reject) => {
    const headers = { host: domain, ...(cookie === undefined ? {} : { cookie }) };
    const { hostname, port } = FRONT_DOOR;
    const call = request({ host: hostname, port, path, headers, agent: false }, (response) => {
      response.resume();
      const app = response.headers['x-app'];
      const [given] = response.headers['set-cookie']?.[0]?.split(';') ?? [];
      const instance = typeof app === 'string' ? app : null;
      response.on('end', () => resolve({ status: response.statusCode ?? 0, instance, cookie: given }));
    });
    call.on('error', reject);
    call.end();
  });
