/**
 * Records: what the store keeps, one interface per collection. They are plain JSON; times are wall-clock milliseconds since
 * the epoch, for people and for ages, and never decide who is right.
 */
import type { Json } from './json.js';
import type { AuditRecord } from './records/acts.js';
import type {
  CancelRecord,
  DeploymentRecord,
  IdempotencyRecord,
  JournalRecord,
  SpecRecord,
} from './records/deployments.js';
import type { HostRecord, LeaseRecord, QueueRecord } from './records/hosts.js';
import type { ProxyHeadRecord, ProxyRouteRecord, ProxyServerRecord } from './records/proxies.js';
import type { ConditionRecord, InstanceRecord, PinRecord, RouteRecord, StageRecord } from './records/stages.js';
import type { CursorRecord, TaskRecord } from './records/tasks.js';
import type { DeliveryRecord, TriggerRecord } from './records/triggers.js';

export * from './records/acts.js';
export * from './records/deployments.js';
export * from './records/hosts.js';
export * from './records/proxies.js';
export * from './records/stages.js';
export * from './records/tasks.js';
export * from './records/triggers.js';

/** An image that we pulled: only such a one is ever removed. `images` */
export interface ImageRecord {
  /** `repository@digest` and the engine's identity, as `imageKey` makes it. */
  readonly id: string;
  readonly reference: string;
  readonly repository: string;
  readonly digest: string;
  readonly pulledBy: string;
  readonly pulledAt: number;
  readonly identity: string;
}

/** What a plugin keeps for itself. `pluginState` */
export interface PluginStateRecord {
  /** The plugin's name and its key, as `plugin/key`. */
  readonly id: string;
  /** Indexed. */
  readonly plugin: string;
  readonly value: Json;
}

/** Every collection of the store, and what its records are. */
export interface Collections {
  readonly deployments: DeploymentRecord;
  readonly specs: SpecRecord;
  readonly instances: InstanceRecord;
  readonly stages: StageRecord;
  readonly routes: RouteRecord;
  readonly journals: JournalRecord;
  readonly tasks: TaskRecord;
  readonly cursors: CursorRecord;
  readonly images: ImageRecord;
  readonly leases: LeaseRecord;
  readonly proxyRoutes: ProxyRouteRecord;
  readonly proxyServers: ProxyServerRecord;
  readonly proxyHeads: ProxyHeadRecord;
  readonly hosts: HostRecord;
  readonly queues: QueueRecord;
  readonly cancels: CancelRecord;
  readonly idempotency: IdempotencyRecord;
  readonly pins: PinRecord;
  readonly conditions: ConditionRecord;
  readonly deliveries: DeliveryRecord;
  readonly triggers: TriggerRecord;
  readonly pluginState: PluginStateRecord;
  readonly audit: AuditRecord;
}
export type CollectionName = keyof Collections;

/**
 * The fields by which records are looked up, per collection: a store keeps one index per line, each ended by the id, so that
 * the newest of a stage are a walk along an index and never a sort.
 */
export const COLLECTION_INDEXES = {
  deployments: [['stageKey'], ['project'], ['status'], ['stageKey', 'status']],
  specs: [],
  instances: [['stageKey'], ['project'], ['state'], ['digest']],
  stages: [['project']],
  routes: [['stageKey'], ['ownerKey'], ['instance']],
  journals: [['stageKey']],
  tasks: [['kind'], ['subject'], ['deployment']],
  cursors: [],
  images: [['repository'], ['digest']],
  leases: [],
  proxyRoutes: [['proxy']],
  proxyServers: [['proxy']],
  proxyHeads: [],
  hosts: [['group']],
  queues: [],
  cancels: [],
  idempotency: [],
  pins: [],
  conditions: [['stageKey']],
  deliveries: [['state']],
  triggers: [],
  pluginState: [['plugin']],
  audit: [['stageKey'], ['project'], ['act']],
} as const satisfies { readonly [C in CollectionName]: readonly (readonly (keyof Collections[C] & string)[])[] };
