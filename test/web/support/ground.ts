/** The example platform as it is started by hand: a process with real ports, an engine, a registry, a file for its store. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startNode } from '../../support/child.js';
import { eventually, openWorkbench, type Workbench } from '../../support/engine.js';
import { type AppImage, pushApp } from '../../support/images.js';
import { freePort, startRegistry } from '../../support/registry.js';
import type { Scenario, Scene } from './scenario.js';

const MAIN = fileURLToPath(new URL('../../../examples/platform/server/main.ts', import.meta.url));
const LIMIT_MS = 120_000;

export interface Ground extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly bench: Workbench;
  push(tag: string, app: Omit<AppImage, 'version'>): Promise<void>;
  start(): Promise<void>;
  /** SIGKILL: nothing is tidied up. */
  kill(): Promise<void>;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | string>;
}

export async function openGround(): Promise<Ground> {
  const bench = openWorkbench('web');
  const registry = await startRegistry();
  const folder = await mkdtemp(join(tmpdir(), 'quayside-web-'));
  const config = join(folder, 'platform.json');
  // So short that a dead host's work is taken up while somebody watches.
  const settings = {
    domain: 'apps.localhost',
    ttlMs: 4_000,
    renewMs: 500,
    effectTimeoutMs: 2_000,
    absentForMs: 300,
    drain: 50,
    stopGrace: 500,
  };
  const projects = { shop: { image: `${registry.host}/shop`, port: 3000, stages: { dev: {} } } };
  await writeFile(config, JSON.stringify({ settings, projects }));
  const token = randomBytes(18).toString('base64url');
  const [port, proxyPort] = [await freePort(), await freePort()];
  const environment = {
    QUAYSIDE_TOKEN: token,
    QUAYSIDE_CONFIG: config,
    QUAYSIDE_DATA: folder,
    PORT: String(port),
    PROXY_PORT: String(proxyPort),
    NETWORK: bench.prefix,
    DOCKER_HOST: `unix://${bench.socketPath}`,
  };
  let child: Child | undefined;
  const end = async (signal: NodeJS.Signals) => {
    child?.process.kill(signal);
    const how = await child?.ended;
    child = undefined;
    return how ?? 0;
  };
  const ground: Ground = {
    url: `http://127.0.0.1:${port}`,
    token,
    bench,
    push: async (tag, app) => void (await pushApp(bench, `${registry.host}/shop:${tag}`, { version: tag, ...app })),
    async start() {
      const given = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
      const started = startNode(['--import', 'tsx', MAIN], LIMIT_MS, ['env', ...given]);
      child = started;
      await eventually(
        `the host at ${port} answers`,
        async () => {
          if (started.process.exitCode !== null) throw new Error(`The host has ended: ${started.errors()}`);
          return fetch(`http://127.0.0.1:${port}/healthz`).then(
            ({ ok }) => ok,
            () => false,
          );
        },
        30_000,
      );
    },
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
      await Promise.all([bench.cleanUp(), registry.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
  return ground;
}

export function onEngine(name: string, run: (scene: Scene & { readonly ground: Ground }) => Promise<void>): Scenario {
  return {
    name: `${name} (engine)`,
    async run(scene) {
      await using ground = await openGround();
      try {
        await run({ ...scene, ground });
      } finally {
        await scene.visitors.leave();
      }
    },
  };
}
