/** A folder with a configuration on the real engine, a real registry with images of the test app, SQLite and the embedded proxy. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWorkbench, type Workbench } from '../../../../test/support/engine.js';
import { type AppImage, pushApp } from '../../../../test/support/images.js';
import { startRegistry, type TestRegistry } from '../../../../test/support/registry.js';
import { type Place, type Running, start } from './cli.js';

export interface Site extends AsyncDisposable, Place {
  readonly bench: Workbench;
  readonly registry: TestRegistry;
  /** `127.0.0.1:5000/<prefix>/shop`: of this workbench. */
  readonly repository: string;
  push(tag: string, app?: Partial<AppImage>): Promise<void>;
  /** Runs `quayside serve` until the end of the site, once. */
  serve(): Promise<Running>;
  /** What the front door answers for a domain. */
  ask(domain: string): Promise<{ readonly status: number; readonly body: string }>;
  /** Names of containers of ours that are there, running or not. */
  containers(): Promise<readonly string[]>;
}

/**
 * @param stage fields of the stage `dev` of the project `shop`, as source text
 * @param settings more of them
 */
export async function openSite(what: string, stage = '', settings = ''): Promise<Site> {
  const bench = openWorkbench(what);
  const registry = await startRegistry();
  const cwd = await mkdtemp(join(tmpdir(), 'quayside-cli-'));
  const repository = `${registry.host}/${bench.prefix}/shop`;
  await writeFile(
    join(cwd, 'quayside.config.ts'),
    `import { defineConfig } from '@quayside/cli';
import { dockerRuntime } from '@quayside/docker-adapter';
import { httpProbe } from '@quayside/http-adapter';
import { embeddedProxy } from '@quayside/proxy-adapter';
import { sqliteStore } from '@quayside/sql-adapter';

const network: string = ${JSON.stringify(`${bench.prefix}-net`)};
// A function: commands of one process have ports of their own.
export default defineConfig(() => ({
  runtime: dockerRuntime({ host: 'unix://${bench.socketPath}', network }),
  proxy: embeddedProxy(),
  store: sqliteStore({ path: 'quayside.db' }),
  probe: httpProbe(),
  settings: { domain: 'apps.test', stopGrace: '2s', drain: '100ms', ${settings} },
  projects: {
    shop: {
      image: ${JSON.stringify(repository)},
      stages: { dev: { port: 3000, healthcheck: { interval: '300ms', retries: 1 }, ${stage} }, 'pr-*': { port: 3000 } },
    },
  },
}));
`,
  );
  let server: Running | undefined;
  let port = 0;
  const site: Site = {
    cwd,
    bench,
    registry,
    repository,
    push: async (tag, app = {}) => {
      await pushApp(bench, `${repository}:${tag}`, { version: tag, ...app });
    },
    async serve() {
      server ??= start(['serve', '--host', '127.0.0.1', '--port', '0', '--json'], site);
      const [, found] = await server.shows(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/);
      port = Number(found);
      return server;
    },
    ask: (domain) =>
      new Promise((resolve, reject) => {
        get({ host: '127.0.0.1', port, headers: { host: domain }, agent: false }, (answer) => {
          let body = '';
          answer.setEncoding('utf8').on('data', (text: string) => {
            body += text;
          });
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: body.trim() }));
        }).on('error', reject);
      }),
    containers: async () => (await bench.leftovers()).containers,
    async [Symbol.asyncDispose]() {
      await server?.[Symbol.asyncDispose]();
      await bench.cleanUp();
      await registry.stop();
      await rm(cwd, { recursive: true, force: true });
    },
  };
  return site;
}
