/**
 * Records: what the store keeps, one interface per collection. They are plain JSON; times are wall-clock milliseconds since
 * the epoch, for people and for ages, and never decide who is right.
 */
import type { ErrorKind } from './errors.js';
import type { Json } from './json.js';
import type { DomainOwner } from './names.js';
import type { Spec } from './spec.js';

const TERMINAL_STATUSES = ['succeeded', 'unchanged', 'failed', 'cancelled', 'superseded', 'abandoned'] as const;
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number];
/** In the order in which a deployment may have them. */
export const DEPLOYMENT_STATUSES = ['queued', 'running', 'rolling-back', ...TERMINAL_STATUSES] as const;
export type DeploymentStatus = (typeof DEPLOYMENT_STATUSES)[number];

const TERMINAL: ReadonlySet<string> = new Set(TERMINAL_STATUSES);
export const isTerminal = (status: DeploymentStatus): status is TerminalStatus => TERMINAL.has(status);

/** An error as it is stored: redacted, its causes as messages. */
export interface StoredError {
  readonly kind: ErrorKind;
  readonly code?: string;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly step?: string;
  readonly details?: Json;
  readonly causes: readonly string[];
}

export interface StepRecord {
  readonly name: string;
  readonly status: 'running' | 'done' | 'failed' | 'undone';
  readonly startedAt: number;
  /** Null while it runs. */
  readonly durationMs: number | null;
}

/** Who asked, as the host says it: for the history, not for deciding anything. */
export type RequestedBy = string;

/**
 * What a request does where another one of its stage waits or runs: it waits in line (`queue`), ends those that wait (`supersede`), or is
 * refused (`reject`).
 */
export type QueuePolicy = 'queue' | 'supersede' | 'reject';

/** What was asked for. Secret overrides are kept sealed or not at all. */
export interface DeploymentRequest {
  readonly project: string;
  readonly stage: string;
  readonly tag: string;
  /** `sha256:…`: deploy exactly this, whatever the tag points to by then. */
  readonly digest?: string;
  /** Deploy even if nothing has changed. */
  readonly force: boolean;
  readonly by?: RequestedBy;
  readonly policy: QueuePolicy;
  /** Of `supersede`: what becomes of the one that runs. */
  readonly running: 'finish' | 'cancel';
  readonly idempotencyKey?: string;
  /** Overrides of the stage's env, sealed; see `SpecVariable`. */
  readonly env: readonly { readonly name: string; readonly sealed: string }[];
  /** Of a roll back: the deployment whose recorded spec is deployed. */
  readonly rollBackTo?: string;
}

/** The port through which something was made: acted on only where it is the same again. */
export interface Identities {
  readonly runtime: string;
  readonly proxy: string | null;
}

/** One attempt to put one tag on one stage. `deployments` */
export interface DeploymentRecord {
  readonly id: string;
  readonly project: string;
  readonly stage: string;
  /** `stageKey(project, stage)`; indexed. */
  readonly stageKey: string;
  readonly tag: string;
  readonly kind: 'deploy' | 'rollback';
  readonly status: DeploymentStatus;
  readonly cleanup: 'none' | 'pending' | 'done';
  readonly request: DeploymentRequest;
  readonly queuedAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly digest: string | null;
  readonly steps: readonly StepRecord[];
  /** What it left running, or, of `unchanged`, what runs already. */
  readonly instance: string | null;
  /** The instance that the default route pointed to before. */
  readonly previous: string | null;
  readonly error: StoredError | null;
  /** The deployer that runs it, and, while it is queued, the one that was asked. */
  readonly host: string;
  /** The worker group whose hosts may run it in the place of a host that is gone; null: nobody else may. */
  readonly group: string | null;
  /** The plugins that take part in it, each as `name@version`: who runs it in the place of its host needs them. Absent: none. */
  readonly plugins?: readonly string[];
  /** Why the hosts that have looked at what is left of it could not go on, in words: another one is needed. Null: none is. */
  readonly needsHost: string | null;
  /** Of `superseded`: the deployment that took its place. */
  readonly supersededBy: string | null;
  readonly identities: Identities | null;
  /** What a rollback or a retire still has to remove, for people. */
  readonly left: readonly string[];
  /** Wall clock: when its log was given up; absent: it has it. */
  readonly logPrunedAt?: number;
  /** Drawn for every write: tells whether a write whose answer was lost has arrived. */
  readonly writeId: string;
}

/** The spec of a deployment, by its id: apart, so that a list of deployments stays light. `specs` */
export interface SpecRecord {
  readonly id: string;
  readonly spec: Spec;
}

/** What a succeeded deployment leaves running; it has that deployment's id. `instances` */
export interface InstanceRecord {
  readonly id: string;
  readonly project: string;
  readonly stage: string;
  readonly stageKey: string;
  readonly tag: string;
  readonly digest: string;
  /** The spec's fingerprint. */
  readonly fingerprint: string;
  readonly container: string;
  readonly state: 'running' | 'retiring';
  readonly createdAt: number;
  /** When the default route last came to it and last left it; null while it points to it. */
  readonly defaultSince: number;
  readonly defaultUntil: number | null;
  /** Counts the stage's commits: which of two instances the default route left earlier, without a clock. */
  readonly defaultOrder: number;
  /** Wall clock: when its time to live is over; null: it has none. A new deployment of its stage that ends on it sets it anew. */
  readonly expiresAt: number | null;
  readonly identities: Identities;
}

/** What visitors of a stage are told in the place of its instance. */
export interface Maintenance {
  /** Wall clock: since when. Another message does not change it. */
  readonly since: number;
  /** Plain text of one line, at most 500 characters. */
  readonly message: string;
  /** When they are told to come again: whole seconds. */
  readonly retryAfterMs: number;
  /** Who asked for it as it is now. */
  readonly by: RequestedBy | null;
}

/** Where a stage stands. `stages` */
export interface StageRecord {
  /** `stageKey(project, stage)` */
  readonly id: string;
  readonly project: string;
  readonly stage: string;
  /** The instance of the last committed cutover, and the deployment that committed it. */
  readonly current: string | null;
  readonly currentDeployment: string | null;
  /** The instance before that one, whether it still runs or not: where `rollBack` without `to` goes. */
  readonly previous: string | null;
  /** How many cutovers were committed. */
  readonly commits: number;
  /** Its default routes tell visitors this; absent: they lead to the current instance. */
  readonly maintenance?: Maintenance;
}

/** A domain of ours: the claim on it, and where it points. `routes` */
export interface RouteRecord {
  /** The domain. */
  readonly id: string;
  readonly owner: DomainOwner;
  /** `ownerKey(owner)`; indexed. */
  readonly ownerKey: string;
  readonly stageKey: string;
  readonly mark: string;
  /**
   * `pending` until its first cutover is committed; `leaving` once a commit gave it up: what retires its instance, or the
   * `unroute` task, removes it.
   */
  readonly state: 'pending' | 'live' | 'leaving';
  /** The instance that it points to; indexed. */
  readonly instance: string | null;
  /** Where we have put it last; null: nowhere, as its instance did not run. What the proxy holds beside that was changed by somebody else. */
  readonly target: { readonly host: string; readonly port: number } | null;
  /** Which change of somebody else's at the proxy was told last; absent: none since we have put it. */
  readonly changed?: string;
  /** The deployment that claimed it. */
  readonly claimedBy: string;
  readonly options: Json;
  readonly identity: string;
}

/** Of a step of our own a number; of a plugin's the part of the plugin's version that tells which others understand it. */
export type StepVersion = number | string;

export interface JournalEntry {
  /** A step of a plugin is named `plugin/step`. */
  readonly step: string;
  readonly version: StepVersion;
  /** `open`: begun, its outcome not known here. `undone` entries are taken out. */
  readonly state: 'open' | 'done';
  readonly intent: Json;
}

/** What a deployment has begun and not yet settled. Gone once there is nothing left to settle. `journals` */
export interface JournalRecord {
  /** The deployment's id. */
  readonly id: string;
  readonly stageKey: string;
  readonly entries: readonly JournalEntry[];
  readonly identities: Identities;
}

/** Why an instance goes. */
export type RetireReason = 'evicted' | 'replaced' | 'removed' | 'expired';

/** Work that outlives its deployment. `tasks` */
export type TaskRecord = RetireTask | UndoTask | UnrouteTask | HoldTask | NotifyTask;

interface TaskBase {
  readonly id: string;
  /** What it is about: an instance's or a deployment's id; indexed. */
  readonly subject: string;
  /** The deployment whose `cleanup` it settles, or that it tells about. */
  readonly deployment: string | null;
  readonly attempts: number;
  /** Wall clock: not before. */
  readonly dueAt: number;
  readonly createdAt: number;
  readonly lastError: StoredError | null;
}

/** Drain, unroute, stop and remove an instance. */
export interface RetireTask extends TaskBase {
  readonly kind: 'retire';
  readonly stageKey: string;
  readonly reason: RetireReason;
  /** Its routes: none of them may point to it when its container goes. */
  readonly domains: readonly string[];
  readonly identities: Identities;
}

/** Finish the undo of a deployment whose rollback could not. */
export interface UndoTask extends TaskBase {
  readonly kind: 'undo';
  readonly stageKey: string;
  readonly identities: Identities;
}

/** Remove routes that a stage has given up, of a custom domain that left its configuration. */
export interface UnrouteTask extends TaskBase {
  readonly kind: 'unroute';
  readonly stageKey: string;
  readonly domains: readonly string[];
  readonly identities: Identities;
}

/**
 * What the proxy tells a stage's visitors is to be what the stage's record says: there while a change of that is under way, and for as long as
 * one that was broken off may have left something.
 */
export interface HoldTask extends TaskBase {
  readonly kind: 'hold';
  /** Its subject, too. */
  readonly stageKey: string;
  readonly identities: Identities;
}

/** Tell one notifier of one event. */
export interface NotifyTask extends TaskBase {
  readonly kind: 'notify';
  readonly notifier: string;
  readonly message: Json;
}

/** How far a notifier has been told of the store's events. `cursors` */
export interface CursorRecord {
  /** The notifier's name. */
  readonly id: string;
  /** The last event that it was told of, or that it did not want. */
  readonly after: number;
}

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

/** Who may change something, and until when. `leases` */
export interface LeaseRecord {
  /** `stage:…`, `instance:…`, `domain:…` or `proxy:…` */
  readonly id: string;
  /** The deployer that holds it; null when it is free. */
  readonly holder: string | null;
  /** Grows with every grant; the fence of every commit. */
  readonly token: number;
  /** Grows with every renewal: a contender watches it stand still. */
  readonly beat: number;
  readonly ttlMs: number;
  /** How long beyond its expiry something may still happen that was begun under it, by this holder or, while that has not passed, by an earlier one. */
  readonly effectTimeoutMs: number;
  readonly deployment: string | null;
  readonly since: number;
  /**
   * Of one that was given back: something that was begun under it may still happen for so long. Who has it next waits for that, by its
   * own clock, before an effect.
   */
  readonly quietForMs?: number;
}

/** A deployer that is open: others watch its beat stand still, and take over what it has left. `hosts` */
export interface HostRecord {
  /** The deployer's id. */
  readonly id: string;
  /** What it submits belongs to this group; null: to none. */
  readonly group: string | null;
  /** Whether it takes over what others of its group have left. */
  readonly isWorker: boolean;
  readonly beat: number;
  readonly ttlMs: number;
  readonly since: number;
}

/**
 * A stage's line. Every submission writes it, so that one that depends on who else waits (`supersede`, `reject`) can be sure of that by
 * its version. `queues`
 */
export interface QueueRecord {
  /** `stageKey(project, stage)` */
  readonly id: string;
  /** The newest submission. */
  readonly last: string;
}

/**
 * That a deployment is to be cancelled. Its own record is its holder's to write; the terminal commit of a success expects that
 * there is none of these. `cancels`
 */
export interface CancelRecord {
  /** The deployment's id. */
  readonly id: string;
  readonly at: number;
  readonly by: RequestedBy | null;
  /** For its log: `superseded by …`. */
  readonly reason: string | null;
}

/** Which deployment an idempotency key stands for. `idempotency` */
export interface IdempotencyRecord {
  /** The stage's key and the request's, as one text. */
  readonly id: string;
  readonly deployment: string;
  /** A hash of the request: another one under the same key is a mistake. */
  readonly payload: string;
  readonly at: number;
}

/** An instance that is neither evicted nor expires. Apart from the instance's record, which is the stage lease's. `pins` */
export interface PinRecord {
  /** The instance's id. */
  readonly id: string;
  readonly at: number;
  readonly by: RequestedBy | null;
}

/** What a plugin keeps for itself. `pluginState` */
export interface PluginStateRecord {
  /** The plugin's name and its key, as `plugin/key`. */
  readonly id: string;
  /** Indexed. */
  readonly plugin: string;
  readonly value: Json;
}

/** What people and hosts ask for. */
export const ACTS = [
  'deploy',
  'roll-back',
  'remove',
  'cancel',
  'pin',
  'unpin',
  'maintenance',
  'prune',
  'recover',
] as const;
export type Act = (typeof ACTS)[number];

/** Who did what: one record per act, in the commit that made it true, or right before what takes several. `audit` */
export interface AuditRecord {
  /** Grows with time; of a deployment and a roll back, the deployment's. */
  readonly id: string;
  readonly act: Act;
  readonly at: number;
  /** Null: the host did not say. */
  readonly by: RequestedBy | null;
  /** Null where it was about all of them. */
  readonly project: string | null;
  readonly stage: string | null;
  readonly stageKey: string | null;
  readonly tag: string | null;
  /** The deployment or the instance; null where it was about a stage or all of them. */
  readonly subject: string | null;
  /** The rest, in words: why it was cancelled, what else was to be removed. */
  readonly detail: string | null;
}

/** What is wrong with an instance that was live: seen by `watch()`. `conditions` */
export interface ConditionRecord extends InstanceCondition {
  /** The instance's id. */
  readonly id: string;
  readonly stageKey: string;
}

export interface InstanceCondition {
  /**
   * `unhealthy`: the image's own check says so. `crash-looping`: the engine starts it again and again. `down`: it ended, and nobody starts
   * it. `lost`: its container is gone.
   */
  readonly state: 'unhealthy' | 'crash-looping' | 'down' | 'lost';
  readonly since: number;
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  readonly restarts: number;
}

/** What an embedded proxy's servers follow: the value of one route, and the servers themselves. `proxyRoutes`, `proxyServers` */
export interface ProxyRouteRecord {
  /** The proxy's name and the domain, as `name/domain`. */
  readonly id: string;
  readonly proxy: string;
  readonly domain: string;
  readonly mark: string;
  /** Grows with every put of this domain. */
  readonly revision: number;
  readonly targets: Json;
  /** Absent: every request is balanced. */
  readonly sticky?: true;
  /** Absent: visitors are sent to the targets. */
  readonly holding?: { readonly message: string; readonly retryAfterMs: number };
  readonly options: Json;
}

export interface ProxyServerRecord {
  readonly id: string;
  readonly proxy: string;
  readonly beat: number;
  readonly ttlMs: number;
  /** Every change of the routes up to and with this one is served. */
  readonly acknowledged: number;
  /** Where it listens, for people and for proving a route: `http://127.0.0.1:8080`. */
  readonly frontDoor: string;
  /** Drawn at random when it starts: who can read it here may ask the server itself which instance it serves. */
  readonly key: string;
  readonly startedAt: number;
}

/** The newest change of an embedded proxy's routes. `proxyHeads` */
export interface ProxyHeadRecord {
  /** The proxy's name. */
  readonly id: string;
  readonly revision: number;
  /** The domains of the latest changes, the newest last: who is not further behind reads these routes and no others. */
  readonly changed: readonly string[];
}

/** A push that somebody outside told of, as it is kept until it was looked into. */
export interface AnnouncedPush {
  /** The repository, with its registry: `ghcr.io/octo-org/shop`. */
  readonly image: string;
  /** Whether repositories below it may be meant as well. */
  readonly below: boolean;
  /** Null: it was not said which. */
  readonly tag: string | null;
  readonly digest: string | null;
  /** Wall clock, by whoever told of it. */
  readonly pushedAt: number | null;
}

/**
 * A webhook's delivery: what was accepted and has not been looked into outlives the process that accepted it, and a second one with the same
 * id is known. `deliveries`
 */
export interface DeliveryRecord {
  /** The day (`20260131`) and a hash of what makes it unique: the oldest come first. */
  readonly id: string;
  /** Which of the host's sources it came from. */
  readonly source: string;
  readonly at: number;
  readonly state: 'accepted' | 'done';
  /** Empty once it is done. */
  readonly pushes: readonly AnnouncedPush[];
}

/** What was decided last for a stage by what came from outside: nothing is deployed twice for one digest. `triggers` */
export interface TriggerRecord {
  /** `stageKey(project, stage)`. */
  readonly id: string;
  readonly tag: string;
  readonly digest: string;
  /** The idempotency key that it is submitted with, by whoever gets to it. */
  readonly key: string;
  /** Wall clock. */
  readonly at: number;
  /** When that tag was pushed, as far as it was said. */
  readonly pushedAt: number | null;
  /** Counts the deployments of this digest, from 1. */
  readonly attempt: number;
  /** What came of it; null: nobody has submitted it yet. */
  readonly deployment: string | null;
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

/** One text per stage: no separator that a name could contain. */
export const stageKey = (project: string, stage: string): string => JSON.stringify([project, stage]);

export function stageOf(key: string): { readonly project: string; readonly stage: string } {
  const [project = '', stage = ''] = JSON.parse(key) as string[];
  return { project, stage };
}

export interface LogEntry {
  /** Grows within the deployment: `logs(id, { after })` goes on behind it. */
  readonly seq: number;
  readonly time: number;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** The step it belongs to; null before the first and after the last. */
  readonly step: string | null;
  readonly message: string;
  readonly data: Json;
}
