import { describe, it } from 'vitest';
import type { ContainerSpec } from '../../ports/container-runtime.js';
import { virtualClock } from '../memory/clock.js';
import { memoryEngine } from '../memory/engine.js';
import { memoryProbe } from '../memory/network.js';
import { memoryRuntime } from '../memory/runtime.js';
import { healthProbeLaws, type ProbedApp } from './health-probe.js';
import { conforms } from './law.js';

const SHAPE: Omit<ContainerSpec, 'name' | 'owner' | 'image'> = {
  project: 'shop',
  stage: 'dev',
  tag: 'v1',
  env: {},
  port: 80,
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

describe('the memory probe keeps the laws of HealthProbe', () => {
  conforms(it, healthProbeLaws, async () => {
    const clock = virtualClock();
    const engine = memoryEngine(clock);
    const runtime = memoryRuntime(engine);
    const { signal } = new AbortController();
    let count = 0;
    return {
      probe: memoryProbe(engine),
      clock,
      until: (promise) => clock.until(promise),
      async serve(app: ProbedApp) {
        count += 1;
        const name = `app-${count}`;
        const image = `r.test/${name}@${engine.push(`r.test/${name}:v1`, { body: '', ...app })}`;
        engine.images.set(image, image.split('@')[1] ?? '');
        const ref = { name, owner: { storeId: 'a', deployment: 'b' } };
        await runtime.create({ ...SHAPE, ...ref, image }, { signal });
        await runtime.start(ref, { signal });
        const container = engine.containers.get(name);
        if (!container) throw new Error('The container is not there.');
        return { host: container.address, port: 80, stop: async () => engine.stop(container, 0) };
      },
      close: async () => {},
    };
  });
});
