/** `@quayside/core`: the engine. Adapters are written against `@quayside/core/ports`, tests against `@quayside/core/testing`. */
export type * from './config/options.js';
export { checkOptions, createDeployer } from './deployer/create.js';
export type * from './deployer/types.js';
export type * from './domain/errors.js';
export { outcomeUnknown, QuaysideError, unwrap } from './domain/errors.js';
export type { HealthEvidence, HealthReason } from './domain/health.js';
export type { Json } from './domain/json.js';
export type {
  Act,
  DeploymentStatus,
  InstanceCondition,
  LogEntry,
  Maintenance,
  QueuePolicy,
  StepRecord,
  StoredError,
  TerminalStatus,
} from './domain/records.js';
export { isTerminal } from './domain/records.js';
export type * from './domain/reports.js';
export type * from './domain/views.js';
export type { EventName, Listener } from './events/hub.js';
export type { DeployerEvents, LocalEvents, StoredEvent, StoredEvents } from './events/types.js';
export { TERMINAL_EVENTS } from './events/types.js';
export { definePlugin, type PluginDefinition, type PluginFactory, type PluginWithOptions } from './plugins/define.js';
export type * from './plugins/types.js';
export type * from './ports/index.js';
