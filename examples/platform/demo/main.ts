/**
 * `npm run example`: the platform on this machine, with an engine that answers, a registry of its own with a few sample apps, the embedded
 * proxy and a store in a folder of its own. Ctrl-C ends it and removes all that it made.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unwrap } from '@quayside/core';
import { dockerRuntime } from '@quayside/docker-adapter';
import { distributionRegistry, httpProbe } from '@quayside/http-adapter';
import { embeddedProxy } from '@quayside/proxy-adapter';
import { sqliteStore } from '@quayside/sql-adapter';
import { openWorkbench, type Workbench } from '../../../test/support/engine.js';
import { startRegistry } from '../../../test/support/registry.js';
import { openHost, type PlatformHost } from '../server/host.js';
import { publish, SAMPLES } from './images.js';

const { PORT = '4000', PROXY_PORT = '8080', QUAYSIDE_TOKEN = randomBytes(15).toString('base64url') } = process.env;
const PAGE_FOLDER = fileURLToPath(new URL('../dist/web', import.meta.url));

const interrupted = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
});
/** What is to be ended and removed, the newest last. */
const made: (() => Promise<unknown>)[] = [];

try {
  await Promise.race([interrupted, play()]);
  await interrupted;
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : thrown);
  process.exitCode = 1;
} finally {
  console.log('example: clears up');
  for (let remove = made.pop(); remove; remove = made.pop())
    await remove().catch((thrown: unknown) => {
      console.error(`example: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      process.exitCode = 1;
    });
}

async function play(): Promise<void> {
  const bench = openWorkbench('example');
  await bench.docker.ping();
  made.push(() => clear(bench));
  const registry = await startRegistry();
  made.push(() => registry.stop());
  const folder = await mkdtemp(join(tmpdir(), 'quayside-example-'));
  made.push(() => rm(folder, { recursive: true, force: true }));
  const { build } = await import('vite');
  await build({
    root: fileURLToPath(new URL('../web', import.meta.url)),
    configFile: fileURLToPath(new URL('../vite.config.ts', import.meta.url)),
    logLevel: 'warn',
  });
  // The first makes the layers that the others share.
  const [first, ...others] = SAMPLES;
  if (first) await publish(bench, registry.host, first);
  await Promise.all(others.map((sample) => publish(bench, registry.host, sample)));
  console.log(`example: ${SAMPLES.length} sample images are in the registry ${registry.host}`);
  const host = await open(bench, registry.host, folder);
  made.push(() => host.close({ timeoutMs: 1 }));
  // Something to look at; what was interrupted meanwhile is of no interest.
  void host.deployer.submit({ project: 'blog', stage: 'prod', tag: '2025.1', by: 'example' });
  void host.deployer.submit({ project: 'shop', stage: 'dev', tag: 'v1.0.0', by: 'example' });
  console.log(
    `\n  Quayside is at   ${host.url}\n  Sign in with     ${QUAYSIDE_TOKEN}\n\n  Ctrl-C ends it and removes all that it made.\n`,
  );
}

async function open(bench: Workbench, registry: string, folder: string): Promise<PlatformHost> {
  const proxy = unwrap(embeddedProxy());
  const app = { port: 3000 };
  return openHost({
    ports: {
      runtime: dockerRuntime({ network: bench.prefix }),
      proxy,
      probe: httpProbe(),
      store: unwrap(sqliteStore({ path: join(folder, 'quayside.db') })),
      registry: unwrap(distributionRegistry()),
    },
    config: {
      settings: { domain: 'apps.localhost', drain: '1s' },
      projects: {
        shop: {
          ...app,
          image: `${registry}/shop`,
          stages: { dev: { maxInstances: 3 }, prod: { maxInstances: 2 }, 'pr-*': { maxInstances: 1 } },
        },
        blog: { ...app, image: `${registry}/blog`, stages: { prod: {} } },
      },
    },
    token: QUAYSIDE_TOKEN,
    host: '127.0.0.1',
    port: await freeOr(Number(PORT)),
    pageFolder: PAGE_FOLDER,
    openFront: async () => {
      const { url } = await unwrap(proxy.listen({ host: '127.0.0.1', port: await freeOr(Number(PROXY_PORT)) }));
      return `http://{domain}:${new URL(url).port}`;
    },
    report: (line) => console.log(`example: ${line}`),
  });
}

/** The port, or 0, for any, where somebody has it. */
function freeOr(port: number): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(0));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(port)));
  });
}

async function clear(bench: Workbench): Promise<void> {
  await bench.cleanUp();
  const { containers, images, networks } = await bench.leftovers();
  console.log(`example: ${containers.length} containers, ${images.length} images, ${networks.length} networks left`);
}
