/** The example platform on a world in memory: its own server, its built page, real time, and apps that behave as they are told. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, type ContainerRuntime, systemClock } from '@quayside/core/ports';
import {
  type AppBehaviour,
  type MemoryEngine,
  type MemoryStore,
  memoryEngine,
  memoryProbe,
  memoryProxy,
  memoryRegistry,
  memoryRuntime,
  memoryStore,
} from '@quayside/core/testing';
import { ResultAsync } from 'neverthrow';
import type { PlatformConfig } from '../../../examples/platform/server/config.js';
import { openHost, type PlatformHost } from '../../../examples/platform/server/host.js';
import { freePort } from '../../support/registry.js';

export const PAGE_FOLDER = join(fileURLToPath(new URL('../../../', import.meta.url)), 'examples/platform/dist/web');
const REGISTRY = 'registry.example.com';

export interface Yard extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly engine: MemoryEngine;
  /** The host that runs now. */
  readonly host: () => PlatformHost;
  /** Puts a tag into the registry. */
  push(project: string, tag: string, behaviour?: AppBehaviour): void;
  /** From now on the deployer's clock says that it is so long ago; for histories that look like one. */
  ago(ms: number): void;
  /** Ends the host, with what runs finished. */
  stop(): Promise<void>;
  /** Starts it again, at the same address and over the same store. */
  start(): Promise<void>;
}

export interface YardOptions {
  readonly projects?: PlatformConfig['projects'];
  readonly triggers?: PlatformConfig['triggers'];
  /** How long each call that changes something at the engine takes; default 0. */
  readonly slowMs?: number;
}

const PROJECTS = {
  shop: {
    image: `${REGISTRY}/shop`,
    port: 3000,
    stages: {
      dev: {},
      prod: { maxInstances: 2, domains: ['shop.example.com'] },
      'pr-*': { maxInstances: 1, ttl: '7d' },
    },
  },
  docs: { image: `${REGISTRY}/docs`, port: 8080, stages: { prod: {} } },
} satisfies PlatformConfig['projects'];

export async function openYard({ projects = PROJECTS, triggers, slowMs = 0 }: YardOptions = {}): Promise<Yard> {
  let agoMs = 0;
  const real = systemClock();
  const clock: Clock = { ...real, now: () => real.now() - agoMs };
  const engine = memoryEngine(real);
  const data: MemoryStore = memoryStore();
  const proxy = memoryProxy(engine);
  const token = randomBytes(18).toString('base64url');
  const port = await freePort();
  let host: PlatformHost | undefined;
  const start = async () => {
    host = await openHost({
      ports: {
        runtime: slowed(memoryRuntime(engine), slowMs),
        proxy,
        probe: memoryProbe(engine),
        registry: memoryRegistry(engine),
        store: data.connect(),
        clock,
      },
      config: { projects, triggers, settings: { domain: 'apps.example.com', drain: 50, stopGrace: 100 } },
      token,
      host: '127.0.0.1',
      port,
      pageFolder: PAGE_FOLDER,
      openFront: async () => 'http://{domain}',
      report: (line) => process.env['WEB_VERBOSE'] && console.error(line),
    });
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    engine,
    host: () => host as PlatformHost,
    push: (project, tag, behaviour) => engine.push(`${REGISTRY}/${project}:${tag}`, behaviour),
    ago: (ms) => {
      agoMs = ms;
    },
    stop: async () => host?.close({ timeoutMs: 10_000 }),
    start,
    [Symbol.asyncDispose]: async () => host?.close({ timeoutMs: 1_000 }),
  };
}

/** As engines are: what changes something takes its time. */
function slowed(runtime: ContainerRuntime, ms: number): ContainerRuntime {
  if (ms === 0) return runtime;
  const slow =
    <Args extends unknown[], T, E>(call: (...args: Args) => ResultAsync<T, E>, factor: number) =>
    (...args: Args): ResultAsync<T, E> =>
      call(...args).andThen((value) => pause(ms * factor).map(() => value));
  return {
    ...runtime,
    pull: slow(runtime.pull, 6),
    create: slow(runtime.create, 2),
    start: slow(runtime.start, 3),
  };
}

const pause = (ms: number) => ResultAsync.fromSafePromise(new Promise<void>((resolve) => setTimeout(resolve, ms)));
