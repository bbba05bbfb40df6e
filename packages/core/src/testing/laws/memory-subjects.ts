/** The ports in memory as the laws want them. Each takes what is put between a law and its port: nothing, or a defect. */
import type { ContainerRuntime } from '../../ports/container-runtime.js';
import type { HealthProbe } from '../../ports/health-probe.js';
import { holdingPage, retryAfterSeconds } from '../../ports/holding.js';
import type { Notifier } from '../../ports/notifier.js';
import type { ProxyCapabilities, ProxyManager, Target } from '../../ports/proxy-manager.js';
import type { Registry } from '../../ports/registry.js';
import type { Store } from '../../ports/store.js';
import { type VirtualClock, virtualClock } from '../memory/clock.js';
import { type MemoryEngine, memoryEngine } from '../memory/engine.js';
import { MEMORY_BUSY_MS, memoryNotifier, memoryProbe, memoryRegistry } from '../memory/network.js';
import { type MemoryProxy, memoryProxy } from '../memory/proxy.js';
import { memoryRuntime } from '../memory/runtime.js';
import { memoryStore } from '../memory/store.js';
import { LawBroken } from './assert.js';
import { plainSpec } from './container-runtime/subject.js';
import type { RuntimeSubject } from './container-runtime.js';
import type { HealthProbeSubject } from './health-probe.js';
import type { Harness } from './law.js';
import type { NotifierSubject } from './notifier.js';
import type { ProxyManagerSubject } from './proxy-manager.js';
import type { RegistrySubject } from './registry.js';
import type { StoreSubject } from './store.js';

/** What stands around a port in memory. */
export interface MemorySurroundings {
  readonly clock: VirtualClock;
  readonly engine: MemoryEngine;
}

type Between<Port, Around = MemorySurroundings> = (right: Port, around: Around) => Port;

const asItIs = <Port>(right: Port): Port => right;

const close = async () => {};

const surroundings = (): MemorySurroundings => {
  const clock = virtualClock();
  return { clock, engine: memoryEngine(clock) };
};

/** An app on the engine, as if it had been deployed: where no law looks, nothing is between. */
async function run(
  engine: MemoryEngine,
  app: { readonly name: string; readonly port: number; readonly instance: string },
  behaviour: Parameters<MemoryEngine['push']>[1],
): Promise<void> {
  const { name, port, instance } = app;
  const image = `r.test/${name}@${engine.push(`r.test/${name}:v1`, behaviour)}`;
  engine.images.set(image, image.split('@')[1] ?? '');
  const ref = { name, owner: { storeId: 'a', deployment: instance } };
  const options = { signal: new AbortController().signal };
  const runtime = memoryRuntime(engine);
  (
    await runtime.create(plainSpec({ prefix: 'app', storeId: 'a' }, { ...ref, image, port, stopGraceMs: 0 }), options)
  )._unsafeUnwrap();
  (await runtime.start(ref, options))._unsafeUnwrap();
}

function stop(engine: MemoryEngine, name: string): void {
  const container = engine.containers.get(name);
  if (container) engine.stop(container, 0);
}

export async function runtimeSubject(between: Between<ContainerRuntime> = asItIs): Promise<Harness<RuntimeSubject>> {
  const around = surroundings();
  const { clock, engine } = around;
  const lines = ['first', 'second'];
  const tag = (name: string) => `registry.test/shop:${name}`;
  engine.push(tag('app'), { lines });
  engine.push(tag('ends'), { lines, exitsAfterMs: 300, exitCode: 3 });
  engine.push(tag('healthy'), { lines, health: { status: 'healthy', afterMs: 200 } });
  engine.push(tag('unstartable'), { startFails: 'exec: "nope": executable file not found' });
  const runtime = memoryRuntime(engine);
  const lively: ContainerRuntime = {
    ...runtime,
    // Nobody else lets the time pass in which it ends.
    runToEnd(spec, options) {
      const ended = runtime.runToEnd(spec, options);
      void clock.advance(1_000);
      return ended;
    },
  };
  return {
    runtime: between(lively, around),
    storeId: 'store-1',
    otherStoreId: 'store-2',
    prefix: 'law',
    images: {
      app: tag('app'),
      ends: tag('ends'),
      healthy: tag('healthy'),
      unstartable: tag('unstartable'),
      missing: tag('missing'),
    },
    async move(moved, to) {
      engine.registry.set(moved, engine.registry.get(to) ?? '');
    },
    freePort: async () => 8_080,
    async eventually(what, condition) {
      for (let turn = 0; turn < 100; turn += 1) {
        const found = await condition();
        if (found !== undefined && found !== false) return found;
        await clock.advance(50);
      }
      throw new LawBroken(`not within 5 s of virtual time: ${what}`);
    },
    close,
  };
}

export async function proxySubject(
  between: Between<ProxyManager, MemorySurroundings & { readonly memory: MemoryProxy }> = asItIs,
  capabilities: Partial<ProxyCapabilities> = {},
): Promise<Harness<ProxyManagerSubject>> {
  const { clock, engine } = surroundings();
  const memory = memoryProxy(engine, { capabilities });
  let count = 0;
  return {
    proxy: between(memory, { clock, engine, memory }),
    storeId: '0123456789ab',
    options: null,
    domain: (name) => `${name}.apps.test`,
    until: (promise) => clock.until(promise),
    pause: () => clock.advance(5),
    request: async (domain, path, cookie) => memory.request(domain, path, cookie),
    async page(domain) {
      const { status } = memory.request(domain);
      const holding = memory.served.get(domain)?.holding;
      if (status !== 503 || !holding) return { status, headers: {}, body: '' };
      const headers = {
        'content-type': 'text/html; charset=utf-8',
        'retry-after': `${retryAfterSeconds(holding)}`,
        'cache-control': 'no-store',
      };
      return { status, headers, body: holdingPage(holding).html };
    },
    async download(domain) {
      const [target] = memory.served.get(domain)?.targets ?? [];
      return {
        goesOn: async () => target !== undefined && engine.connect(target.host, target.port) !== undefined,
        close,
      };
    },
    async occupy(domain, target: Target) {
      memory.disturb(domain, { domain, mark: null, targets: [target] });
    },
    async lie(on) {
      memory.lie(on);
    },
    async serve(instance, { status = 200, at } = {}) {
      count += 1;
      const name = at?.host ?? `app-${count}`;
      const port = at?.port ?? 3000 + count;
      engine.containers.delete(name);
      await run(engine, { name, port, instance }, { status });
      return { instance, host: name, port, stop: async () => stop(engine, name) };
    },
    close,
  };
}

export async function storeSubject(between: Between<Store, undefined> = asItIs): Promise<Harness<StoreSubject>> {
  const store = memoryStore();
  const connect = async () => between(store.connect(), undefined);
  return { store: await connect(), connect, pause: async () => {}, close };
}

export async function probeSubject(between: Between<HealthProbe> = asItIs): Promise<Harness<HealthProbeSubject>> {
  const around = surroundings();
  const { clock, engine } = around;
  let count = 0;
  return {
    probe: between(memoryProbe(engine), around),
    clock,
    until: (promise) => clock.until(promise),
    async serve(app) {
      count += 1;
      const name = `app-${count}`;
      await run(engine, { name, port: 80, instance: 'b' }, { body: '', ...app });
      return { host: engine.containers.get(name)?.address ?? '', port: 80, stop: async () => stop(engine, name) };
    },
    close,
  };
}

export async function notifierSubject(
  between: Between<Notifier, undefined> = asItIs,
): Promise<Harness<NotifierSubject>> {
  const memory = memoryNotifier();
  return {
    notifier: between(memory, undefined),
    received: () => memory.received,
    answer: memory.answer,
    busyMs: MEMORY_BUSY_MS,
    secrets: [],
    close,
  };
}

export async function registrySubject(between: Between<Registry> = asItIs): Promise<Harness<RegistrySubject>> {
  const around = surroundings();
  const { engine } = around;
  return {
    registry: between(memoryRegistry(engine, { away: ['away.test'], denying: ['private.test'] }), around),
    repository: (name) => `r.test/${name}`,
    push: async (reference, content) => engine.push(reference, { body: content }),
    away: 'away.test',
    denying: 'private.test',
    close,
  };
}
