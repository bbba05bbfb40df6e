/** HAProxy keeps the laws of `ProxyManager`, over its real runtime socket and front door. */
import { conforms, proxyManagerLaws } from '@quayside/core/testing';
import { describe, it } from 'vitest';
import { browse, downloads } from '../../../test/support/visitor.js';
import { ask, openWorld, STORE_ID, startHaproxy, startSwitch } from './support/world.js';

describe('HAProxy', () =>
  conforms(it, proxyManagerLaws, async () => {
    const world = await openWorld();
    const relay = await startSwitch(world.haproxy.socket);
    world.onClose(() => relay.stop());
    const { map, port } = world.haproxy;
    let theirs = 0;
    // Another one, whose front door nobody knows: what is put there is taken and serves nobody.
    const liar = await startHaproxy({}, '', { map });
    world.onClose(() => liar.stop());
    const streams = downloads();
    const at = { host: '127.0.0.1', port };
    const proxy = world.adapter({ socket: relay.socket });
    return {
      proxy,
      storeId: STORE_ID,
      options: null,
      domain: (name: string) => `${name}.apps.test`,
      until: async <T>(promise: PromiseLike<T>) => promise,
      pause: () => new Promise<void>((resolve) => setTimeout(resolve, 5)),
      async request(domain: string, path = '/', cookie?: string) {
        const { status, headers } = await ask(port, domain, { path, headers: cookie === undefined ? {} : { cookie } });
        const instance = headers['x-app'];
        const [given] = headers['set-cookie']?.[0]?.split(';') ?? [];
        return { status, instance: typeof instance === 'string' ? instance : null, cookie: given };
      },
      page: (domain: string) => browse(at, domain),
      download: (domain: string) => streams.open(at, domain),
      async occupy(domain: string, target: { host: string; port: number }) {
        theirs += 1;
        await world.haproxy.say(`add server theirs/s${theirs} ${target.host}:${target.port}`);
        await world.haproxy.say(`set server theirs/s${theirs} state ready`);
        await world.haproxy.say(`add map ${map} ${domain} theirs`);
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
      async lie(on: boolean) {
        relay.to(on ? liar.socket : world.haproxy.socket);
      },
      close: world.close,
    };
  }));
