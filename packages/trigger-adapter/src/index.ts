export type { SkipReason } from './judge.js';
export { nodeListener } from './node.js';
export type { TagPolicy } from './policy/options.js';
export type { SourceOptions } from './sources/index.js';
export { triggers } from './triggers.js';
export type {
  PortOption,
  ServingInstance,
  TriggerDeployer,
  TriggerReport,
  Triggers,
  TriggersOptions,
} from './types.js';
