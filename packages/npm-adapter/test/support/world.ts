/** What a test works with, whether the other side is the contract server or a live Nginx Proxy Manager. */
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { unwrap } from '@quayside/core/ports';
import type { Harness, ProxyManagerSubject } from '@quayside/core/testing';
import { browse } from '../../../../test/support/visitor.js';
import { type NginxProxyManagerOptions, nginxProxyManager } from '../../src/index.js';
import { APP_HEADER, type Apps, startApps } from './apps.js';
import type { ContractServer } from './contract-server.js';

/** Everything a test makes is under it. */
export const SUFFIX = '.quayside.test';

export interface Npm {
  readonly options: NginxProxyManagerOptions;
  /** Where plain HTTP comes in. */
  readonly frontDoor: URL;
  /** An address of this machine that the proxy reaches. */
  readonly appHost: string;
  /** The API, as a person uses it: `GET`, `/nginx/proxy-hosts`. */
  person(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Makes it take changes and not apply them; absent for a live one. */
  readonly server?: ContractServer;
}

export interface PersonsHost {
  readonly id: number;
  readonly domain_names: readonly string[];
  readonly advanced_config: string;
  readonly forward_host: string;
  readonly forward_port: number;
  readonly allow_websocket_upgrade: boolean;
  readonly block_exploits: boolean;
  readonly certificate_id: number;
  readonly ssl_forced: boolean;
  readonly access_list_id: number;
  readonly enabled: boolean;
  readonly meta: { readonly [key: string]: unknown };
}

export interface World extends ProxyManagerSubject {
  readonly npm: Npm;
  readonly serve: Apps['serve'];
  hostOf(domain: string): Promise<PersonsHost | undefined>;
}

export const hostsOf = async (npm: Npm): Promise<PersonsHost[]> =>
  (await npm.person('GET', '/nginx/proxy-hosts')) as PersonsHost[];

export const fromContract = (server: ContractServer): Npm => ({
  options: {
    url: server.url,
    identity: server.admin.email,
    secret: server.admin.secret,
    frontDoor: server.frontDoor,
  },
  frontDoor: new URL(server.frontDoor.http),
  appHost: '127.0.0.1',
  person: (method, path, body) => server.asPerson(method, path, body),
  server,
});

/** A world of its own for each test: its own store, domains and apps; at its end nothing of it is left. */
export async function openWorld(npm: Npm, more: Partial<NginxProxyManagerOptions> = {}): Promise<Harness<World>> {
  const proxy = await unwrap(nginxProxyManager({ ...npm.options, ...more }));
  const storeId = BigInt(`0x${randomBytes(8).toString('hex')}`)
    .toString(36)
    .padStart(12, '0')
    .slice(-12);
  const domain = (name: string) => `${name}-${storeId}${SUFFIX}`;
  const apps = startApps(npm.appHost);
  const hostOf = async (name: string) => (await hostsOf(npm)).find((host) => host.domain_names.includes(name));
  const { server } = npm;
  const door = { host: npm.frontDoor.hostname, port: Number(npm.frontDoor.port || 80) };
  const world: World = {
    npm,
    proxy,
    storeId,
    options: {},
    domain,
    serve: apps.serve,
    request: (name, path = '/') => visit(npm.frontDoor, name, path),
    page: (name) => browse(door, name),
    download: (name) => apps.downloads.open(door, name),
    async occupy(name, target) {
      await npm.person('POST', '/nginx/proxy-hosts', {
        domain_names: [name],
        forward_scheme: 'http',
        forward_host: target.host,
        forward_port: target.port,
      });
      // Until the workers from before the change have stopped too.
      for (let round = 0, steady = 0; round < 400; round += 1) {
        steady = (await visit(npm.frontDoor, name, '/')).instance === target.instance ? steady + 1 : 0;
        if (steady > 20) return;
        await pause(10);
      }
      throw new Error(`${name} is not served by ${target.instance}.`);
    },
    ...(server ? { lie: (on: boolean) => server.nginx.freeze(on) } : {}),
    until: async (promise) => promise,
    pause: () => pause(5),
    hostOf,
  };
  return {
    ...world,
    async close() {
      npm.server?.heal();
      await proxy.close?.();
      for (const host of await hostsOf(npm)) {
        if (!host.domain_names.some((name) => name.toLowerCase().endsWith(`-${storeId}${SUFFIX}`))) continue;
        await npm.person('DELETE', `/nginx/proxy-hosts/${host.id}`).catch((error) => {
          if (!server) throw error;
        });
      }
      await apps.close();
    },
  };
}

export interface Visit {
  /** 0 where there was no answer at all. */
  readonly status: number;
  readonly body: string;
  /** The app that answered. */
  readonly instance: string | null;
}

/** One request on a connection of its own. */
export function ask(frontDoor: URL, domain: string, path: string): Promise<Visit> {
  const nothing: Visit = { status: 0, body: '', instance: null };
  return new Promise((resolve) => {
    const request = httpRequest(
      { host: frontDoor.hostname, port: frontDoor.port || 80, path, agent: false, headers: { Host: domain } },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('error', () => resolve(nothing));
        response.on('end', () => {
          const app = response.headers[APP_HEADER];
          resolve({ status: response.statusCode ?? 0, body, instance: typeof app === 'string' ? app : null });
        });
      },
    );
    request.on('error', () => resolve(nothing));
    request.setTimeout(10_000, () => request.destroy());
    request.end();
  });
}

export async function visit(frontDoor: URL, domain: string, path: string) {
  const { status, instance } = await ask(frontDoor, domain, path);
  return { status, instance };
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
