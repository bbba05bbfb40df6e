import { describe, it } from 'vitest';
import type { ContainerSpec } from '../../ports/container-runtime.js';
import { virtualClock } from '../memory/clock.js';
import { memoryEngine } from '../memory/engine.js';
import { memoryProxy } from '../memory/proxy.js';
import { memoryRuntime } from '../memory/runtime.js';
import { conforms } from './law.js';
import { proxyManagerLaws, type ServedTarget } from './proxy-manager.js';

const SHAPE: Omit<ContainerSpec, 'name' | 'owner' | 'image' | 'port'> = {
  project: 'shop',
  stage: 'dev',
  tag: 'v1',
  env: {},
  expose: [],
  options: null,
  labels: {},
  command: null,
  entrypoint: null,
  workingDir: null,
  user: null,
  readOnlyRoot: false,
  init: true,
  mounts: [],
  limits: { memoryBytes: null, cpus: null, pids: null },
  restart: 'no',
  logRotation: null,
  networks: [],
  ports: [],
  stopSignal: null,
  stopGraceMs: 0,
};

describe.each([
  ['without', {}],
  ['with', { weights: true, sticky: true }],
])('the memory proxy, %s weights, keeps the laws of ProxyManager', (_which, capabilities) => {
  conforms(it, proxyManagerLaws, async () => {
    const clock = virtualClock();
    const engine = memoryEngine(clock);
    const runtime = memoryRuntime(engine);
    const proxy = memoryProxy(engine, { capabilities });
    const { signal } = new AbortController();
    let count = 0;
    return {
      proxy,
      storeId: '0123456789ab',
      options: null,
      domain: (name) => `${name}.apps.test`,
      until: (promise) => clock.until(promise),
      pause: () => clock.advance(5),
      request: async (domain, path, cookie) => proxy.request(domain, path, cookie),
      async occupy(domain, target) {
        proxy.disturb(domain, { domain, mark: null, targets: [target] });
      },
      async lie(on) {
        proxy.lie(on);
      },
      async serve(instance, { status = 200, at } = {}): Promise<ServedTarget> {
        count += 1;
        const name = at?.host ?? `app-${count}`;
        const port = at?.port ?? 3000 + count;
        engine.containers.delete(name);
        const image = `r.test/${name}@${engine.push(`r.test/${name}:v${count}`, { status })}`;
        engine.images.set(image, image.split('@')[1] ?? '');
        const ref = { name, owner: { storeId: 'a', deployment: instance } };
        await runtime.create({ ...SHAPE, ...ref, image, port }, { signal });
        await runtime.start(ref, { signal });
        return {
          instance,
          host: name,
          port,
          async stop() {
            const container = engine.containers.get(name);
            if (container) engine.stop(container, 0);
          },
        };
      },
      close: async () => {},
    };
  });
});
