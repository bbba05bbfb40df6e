/** What the simulation takes of the core: the deployer as it is shipped, the ports in memory, and the records that a store keeps. */

export { createDeployer } from '../../packages/core/src/deployer/create.js';
export { loadAll } from '../../packages/core/src/deployer/load-all.js';
export type { Deployer, DeployerOptions } from '../../packages/core/src/deployer/types.js';
export { type AnyError, aborted, QuaysideError } from '../../packages/core/src/domain/errors.js';
export * from '../../packages/core/src/domain/records.js';
export { EVENT_STREAM, logStream, type StoredEvent, TERMINAL_EVENTS } from '../../packages/core/src/events/types.js';
export { MARGIN_MS } from '../../packages/core/src/kernel/held-lease.js';
export { definePlugin } from '../../packages/core/src/plugins/define.js';
export type { Plugin } from '../../packages/core/src/plugins/types.js';
export type { Clock } from '../../packages/core/src/ports/clock.js';
export type { Change, CommitOptions, Store } from '../../packages/core/src/ports/store.js';
export { outage } from '../../packages/core/src/testing/faults/outage.js';
export { type VirtualClock, virtualClock } from '../../packages/core/src/testing/memory/clock.js';
export {
  type AppBehaviour,
  type MemoryContainer,
  type MemoryEngine,
  memoryEngine,
} from '../../packages/core/src/testing/memory/engine.js';
export { seededIds } from '../../packages/core/src/testing/memory/ids.js';
export {
  type MemoryNotifier,
  memoryNotifier,
  memoryProbe,
  memoryRegistry,
} from '../../packages/core/src/testing/memory/network.js';
export { type MemoryProxy, memoryProxy } from '../../packages/core/src/testing/memory/proxy.js';
export { memoryRuntime } from '../../packages/core/src/testing/memory/runtime.js';
export { memorySealer } from '../../packages/core/src/testing/memory/sealer.js';
export { type MemoryStore, memoryStore } from '../../packages/core/src/testing/memory/store.js';
