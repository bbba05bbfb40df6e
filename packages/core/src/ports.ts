/** `@quayside/core/ports`: what an adapter is written against. Types of the ports, and the kit that every adapter needs. */
export type * from './domain/endpoints.js';
export { describeEndpoint } from './domain/endpoints.js';
export type * from './domain/errors.js';
export type * from './domain/json.js';
export { once } from './domain/once.js';
export type * from './domain/records.js';
export { COLLECTION_INDEXES } from './domain/records.js';
export type { Reference } from './domain/reference.js';
export { parseReference } from './domain/reference.js';
export type { ContainerShape, Limits, Mount, NetworkUse, PublishedPort, RestartPolicy } from './domain/spec.js';
export { onAbort, untilAborted } from './kernel/on-abort.js';
export { allOf } from './kernel/pages.js';
export { pause, type TimeLimit, within } from './limit.js';
export { definePlugin, type PluginDefinition, type PluginFactory, type PluginWithOptions } from './plugins/define.js';
export type * from './plugins/types.js';
export * from './ports/index.js';
export { systemClock } from './system.js';
