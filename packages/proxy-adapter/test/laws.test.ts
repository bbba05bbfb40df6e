/** The embedded proxy keeps the laws of `ProxyManager`, over real sockets. */

import { type Store, unwrap } from '@quayside/core/ports';
import { conforms, proxyManagerLaws } from '@quayside/core/testing';
import { describe, it } from 'vitest';
import { browse, downloads } from '../../../test/support/visitor.js';
import { ask, open, openWorld, STORE_ID } from './support/world.js';

/** @param isServing whether the process that puts is the one that serves */
const subject = (isServing: boolean) => async () => {
  const world = openWorld();
  const store = world.store.connect();
  const lying = isServing ? undefined : staleRoutes(store);
  const { proxy: server, door } = await world.serving({ store: lying?.store ?? store });
  const proxy = isServing ? server : world.proxy();
  const streams = downloads();
  const at = { host: '127.0.0.1', port: door.port };
  return {
    proxy,
    storeId: STORE_ID,
    options: {},
    domain: (name: string) => `${name}.apps.test`,
    until: async <T>(promise: PromiseLike<T>) => promise,
    pause: () => new Promise<void>((resolve) => setTimeout(resolve, 5)),
    async request(domain: string, path = '/', cookie?: string) {
      const { status, headers } = await ask(door.port, domain, {
        path,
        headers: cookie === undefined ? {} : { cookie },
      });
      const instance = headers['x-app'];
      const [given] = headers['set-cookie']?.[0]?.split(';') ?? [];
      return { status, instance: typeof instance === 'string' ? instance : null, cookie: given };
    },
    page: (domain: string) => browse(at, domain),
    download: (domain: string) => streams.open(at, domain),
    async occupy(domain: string, { instance, host, port }: { instance: string; host: string; port: number }) {
      const record = {
        id: `embedded/${domain}`,
        proxy: 'embedded',
        domain,
        mark: '',
        targets: [{ instance, host, port }],
        options: {},
      };
      const held = await unwrap(world.store.get('proxyHeads', 'embedded', open()));
      const revision = (held?.value.revision ?? 0) + 1;
      const head = { id: 'embedded', revision, changed: [...(held?.value.changed ?? []), domain] };
      await unwrap(
        world.store.commit(
          [
            { op: 'put', collection: 'proxyHeads', record: head },
            { op: 'put', collection: 'proxyRoutes', record: { ...record, revision } },
          ],
          open(),
        ),
      );
      for (let round = 0; round < 200; round += 1) {
        if ((await ask(door.port, domain)).status !== 404) return;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      throw new Error(`${domain} is not served`);
    },
    async serve(
      instance: string,
      { status = 200, at }: { status?: number | ((path: string) => number); at?: { port: number } } = {},
    ) {
      const paths: string[] = [];
      const app = await world.app(
        instance,
        (request, response) => {
          paths.push(request.url ?? '');
          if (streams.serve(request, response)) return;
          const code = typeof status === 'number' ? status : status(request.url ?? '');
          response.writeHead(code, { 'x-app': instance }).end();
        },
        at?.port,
      );
      return { instance, host: app.host, port: app.port, requests: () => paths, stop: app.close };
    },
    ...(lying ? { lie: async (on: boolean) => lying.lie(on) } : {}),
    close: world.close,
  };
};

/** A store whose routes stand still while the head goes on: the server acknowledges what it does not serve. */
function staleRoutes(store: Store): { readonly store: Store; lie(on: boolean): void } {
  const seen = new Map<string, unknown>();
  let lies = false;
  return {
    store: {
      ...store,
      get: (collection, id, options) =>
        store.get(collection, id, options).map((found) => {
          if (collection !== 'proxyRoutes') return found;
          if (!lies) seen.set(id, found);
          return lies ? (seen.get(id) as typeof found) : found;
        }),
    },
    lie(on) {
      lies = on;
    },
  };
}

describe('the process that serves', () => conforms(it, proxyManagerLaws, subject(true)));
describe('a process that only deploys', () => conforms(it, proxyManagerLaws, subject(false)));
