import type { Ids } from '../../ports/clock.js';
import type { ContainerRuntime } from '../../ports/container-runtime.js';
import type { HealthProbe } from '../../ports/health-probe.js';
import type { Registry } from '../../ports/registry.js';
import { type VirtualClock, virtualClock } from './clock.js';
import { type MemoryEngine, memoryEngine } from './engine.js';
import { seededIds } from './ids.js';
import { memoryProbe, memoryRegistry } from './network.js';
import { type MemoryProxy, memoryProxy } from './proxy.js';
import { memoryRuntime } from './runtime.js';
import { type MemoryStore, memoryStore } from './store.js';

/** Every port of a deployer in memory, over one engine and one virtual clock. */
export interface MemoryWorld {
  readonly clock: VirtualClock;
  readonly engine: MemoryEngine;
  readonly ids: Ids;
  readonly runtime: ContainerRuntime;
  readonly proxy: MemoryProxy;
  readonly probe: HealthProbe;
  readonly registry: Registry;
  readonly store: MemoryStore;
}

/**
 * @param seed determines every id and random number; default 1
 * @param clock that everything in it goes by; default one of its own
 */
export function memoryWorld(seed = 1, clock: VirtualClock = virtualClock()): MemoryWorld {
  const engine = memoryEngine(clock);
  return {
    clock,
    engine,
    ids: seededIds(seed),
    runtime: memoryRuntime(engine),
    proxy: memoryProxy(engine),
    probe: memoryProbe(engine),
    registry: memoryRegistry(engine),
    store: memoryStore(),
  };
}
