/**
 * Where a block of a page is run: an engine, a proxy and a registry in memory, on real time; a folder of its own; and what it prints. The
 * adapters that a block names are the real ones as far as their options go (`stand-ins`), so that a wrong option of a page is noticed.
 */
import { createServer, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Deployer, DeployerOptions } from '@quayside/core';
import { systemClock } from '@quayside/core/ports';
import {
  type AppBehaviour,
  type MemoryEngine,
  type MemoryProxy,
  memoryEngine,
  memoryProbe,
  memoryProxy,
  memoryRegistry,
  memoryRuntime,
} from '@quayside/core/testing';
import { type Result, ResultAsync } from 'neverthrow';
import { createDeployer } from '../../../packages/core/src/index.js';
import { sqliteStore } from '../../../packages/sql-adapter/src/index.js';

export interface Received {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Site {
  readonly folder: string;
  readonly engine: MemoryEngine;
  readonly proxy: MemoryProxy;
  /** Lines that were printed since its start, on stdout and stderr. */
  readonly printed: string[];
  /** What adapters said of the options that they were given. */
  readonly factories: { readonly name: string; readonly made: Result<unknown, { readonly message: string }> }[];
  /** Those that the block has made, to be asked and closed. */
  readonly deployers: Deployer[];
  /** Servers that the block has opened; each is on a free port of loopback, whatever the page says. */
  readonly servers: Server[];
  /** Laws that were named to the test runner. */
  readonly laws: { readonly name: string; readonly holds: () => Promise<void> }[];
  push(reference: string, app?: AppBehaviour): void;
  /** What `createDeployer` needs beside what a page says: SQLite in memory, and one project `shop`. */
  options(): DeployerOptions & { readonly store: NonNullable<DeployerOptions['store']> };
  deployer(more?: Partial<DeployerOptions>): Promise<Deployer>;
  /** Somebody who takes what is posted to him, and answers 200 or as he is told. */
  receiver(status?: number): Promise<{ readonly url: string; readonly received: Received[] }>;
  /** Where the block's server listens. */
  address(): Promise<string>;
}

let current: Site | undefined;
/** The one of the block that runs: blocks run one after the other. */
export function siteNow(): Site {
  if (!current) throw new Error('No block runs.');
  return current;
}

/** What a deployment of the pages puts there. */
const IMAGE = 'registry.example.com/shop';

export function openSite(folder: string): Site & { close(): Promise<void> } {
  const clock = systemClock();
  const engine = memoryEngine(clock);
  const proxy = memoryProxy(engine);
  const own: Server[] = [];
  const site: Site = {
    folder,
    engine,
    proxy,
    printed: [],
    factories: [],
    deployers: [],
    servers: [],
    laws: [],
    push: (reference, app) => void engine.push(reference, { body: 'hello', ...app }),
    options: () => ({
      runtime: memoryRuntime(engine),
      proxy,
      probe: memoryProbe(engine),
      registry: memoryRegistry(engine),
      store: sqliteStore({ path: ':memory:' })._unsafeUnwrap(),
      settings: { domain: 'apps.example.com' },
      projects: {
        shop: { image: IMAGE, stages: { dev: { port: 3000 }, prod: { port: 3000 }, 'pr-*': { port: 3000 } } },
      },
    }),
    async deployer(more = {}) {
      const made = await createDeployer({ ...site.options(), ...more } as DeployerOptions);
      if (made.isErr()) throw new Error(`createDeployer: ${made.error.message}`);
      site.deployers.push(made.value);
      return made.value;
    },
    async receiver(status = 200) {
      const received: Received[] = [];
      const server = createServer((request, response) => {
        let body = '';
        request.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        request.on('end', () => {
          received.push({ headers: request.headers, body });
          response.writeHead(status).end();
        });
      });
      own.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
    },
    async address() {
      const server = site.servers.at(-1);
      if (!server) throw new Error('The block has opened no server.');
      if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
  };
  current = site;
  const undo = serversOnLoopback(site, own);
  return {
    ...site,
    async close() {
      undo();
      for (const deployer of site.deployers) await deployer.close({ timeoutMs: 2_000 });
      for (const server of [...site.servers, ...own]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
      current = undefined;
    },
  };
}

/** A page says `listen(80)`, and means its reader's machine. */
function serversOnLoopback(site: Site, own: readonly Server[]): () => void {
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    if (own.includes(this)) return Reflect.apply(listen, this, args) as Server;
    site.servers.push(this);
    const done = args.find((arg) => typeof arg === 'function');
    return Reflect.apply(listen, this, [0, '127.0.0.1', ...(done ? [done] : [])]) as Server;
  } as typeof listen;
  return () => {
    Server.prototype.listen = listen;
  };
}

/** A factory of an adapter whose options are checked by the real one, and whose place is then taken by what is in memory. */
export function standIn<Options extends unknown[], Port extends object, Instead>(
  name: string,
  real: (...options: Options) => Result<Port, { readonly message: string }>,
  instead: (site: Site, ...options: Options) => Instead,
) {
  return (...options: Options) => {
    const site = siteNow();
    const made = real(...options);
    site.factories.push({ name, made });
    return made.map(() => instead(site, ...options));
  };
}

/** Paths of a page are its reader's; here they lie in the block's folder. */
export const within = (site: Site, path: string): string => join(site.folder, path.replaceAll('/', '_'));

export const answered = <T, E>(result: Result<T, E> | ResultAsync<T, E>): boolean =>
  result instanceof ResultAsync || ('isOk' in result && 'isErr' in result);
