/** What a host sees: the options of `createDeployer`, and the Deployer. */
import type { Result, ResultAsync } from 'neverthrow';
import type { MaintenanceOptions, ProjectLookup, ProjectMap, Settings, StageNameOf } from '../config/options.js';
import type { AnyError } from '../domain/errors.js';
import type { Act, LogEntry, QueuePolicy } from '../domain/records.js';
import type { PruneReport, RecoveryReport, ResealReport } from '../domain/reports.js';
import type { AuditEntry, Deployment, Instance, RouteView, Stage as StageView } from '../domain/views.js';
import type { EventName, Listener } from '../events/hub.js';
import type { StoredEvent } from '../events/types.js';
import type { Plugin } from '../plugins/types.js';
import type { Clock, Ids } from '../ports/clock.js';
import type { ContainerLogLine, ContainerRuntime } from '../ports/container-runtime.js';
import type { HealthProbe } from '../ports/health-probe.js';
import type { Notifier } from '../ports/notifier.js';
import type { ProxyManager } from '../ports/proxy-manager.js';
import type { Registry } from '../ports/registry.js';
import type { Sealer } from '../ports/sealer.js';
import type { Store } from '../ports/store.js';

/** A port, or what an adapter's factory answers: its error is reported with all the others. */
export type PortOption<Port> = Port | Result<Port, AnyError>;

export interface DeployerOptions<Projects extends ProjectMap = ProjectMap> {
  readonly runtime: PortOption<ContainerRuntime>;
  /** Needed where a stage has a port. */
  readonly proxy?: PortOption<ProxyManager>;
  readonly store: PortOption<Store>;
  readonly probe: PortOption<HealthProbe>;
  /** Default: the engine's own look-up. */
  readonly registry?: PortOption<Registry>;
  readonly notifiers?: readonly PortOption<Notifier>[];
  readonly settings?: Settings;
  /** The projects by name, or a function for a host that keeps its own. */
  readonly projects: Projects | ProjectLookup;
  /** Made by `definePlugin`; what one has wrong is reported with all the rest. */
  readonly plugins?: readonly PortOption<Plugin>[];
  /**
   * Keys that seal what the store keeps of secrets: 32 random bytes each, in base64 or hex. The first seals, all of them open. Without
   * them values of the environment are not kept.
   */
  readonly secrets?: { readonly keys: readonly string[] };
  /** In place of `secrets`: a host's own encryption. */
  readonly sealer?: Sealer;
  /**
   * Hosts of one group run each other's deployments: what one has submitted and not begun when it closes or dies, the others take over.
   * They need the same projects and keys. Default: this host runs what it was asked for, and nobody else does.
   */
  readonly worker?: { readonly group: string };
  /**
   * `on-start` (default): what hosts that died have left is taken up in the background, from the start on and then again and again, which
   * delays nothing. `manual`: only by `recover()` and `watch()`.
   */
  readonly recover?: 'on-start' | 'manual';
  /** Default: the system's. */
  readonly clock?: Clock;
  readonly ids?: Ids;
}

/** What `submit` and `deploy` take. */
export interface DeployRequest<Project extends string = string, Stage extends string = string> extends InLine {
  readonly project: Project;
  readonly stage: Stage;
  readonly tag: string;
  /** `sha256:…`: exactly this image, whatever the tag points to. */
  readonly digest?: string;
  /** Deploy even if nothing has changed; default false. */
  readonly force?: boolean;
  /** Who asks, for the history: at most 200 characters. */
  readonly by?: string;
  /** Overrides of the stage's environment. Needs `secrets.keys`. */
  readonly env?: { readonly [name: string]: string };
}

/** What a request may say of others of its stage, and of itself sent again. */
export interface InLine {
  /** Where others of its stage wait or run; default the stage's own (see `StageDefaults`). `reject` is answered with `stage-busy`. */
  readonly policy?: QueuePolicy;
  /** Of `supersede`: what becomes of the one that runs; default the stage's own. */
  readonly running?: 'finish' | 'cancel';
  /**
   * 1 to 200 visible characters, good for its project and stage and for 24 hours: the same request under the same key means the deployment
   * that the first one made, whatever became of it; another one is an `idempotency-conflict`. `by` may differ.
   */
  readonly idempotencyKey?: string;
}

/** The stages of a project of a literal configuration. */
export type StageOf<Projects extends ProjectMap, Project extends keyof Projects> = StageNameOf<
  keyof Projects[Project]['stages'] & string
>;

/** Any request that names a project and one of its stages. */
export type RequestOf<Projects extends ProjectMap> = {
  readonly [Project in keyof Projects & string]: DeployRequest<Project, StageOf<Projects, Project>>;
}[keyof Projects & string];

export type StageRef<Projects extends ProjectMap> = {
  readonly [Project in keyof Projects & string]: {
    readonly project: Project;
    readonly stage: StageOf<Projects, Project>;
  };
}[keyof Projects & string];

export interface AnyStage {
  readonly project: string;
  readonly stage: string;
}

/** Why a deployment did not succeed; with the deployment as the store has it, where it was recorded. */
export type DeployError = AnyError & { readonly deployment?: Deployment };

export interface Handle {
  readonly id: string;
  /** Settles with the deployment's terminal status; its error is of one that did not succeed. */
  readonly result: ResultAsync<Deployment, DeployError>;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** For `cursor`: goes on behind the last item; null: there is no more. */
  readonly next: string | null;
}

export interface PageQuery {
  /** Default 50, at most 1 000. */
  readonly limit?: number;
  readonly cursor?: string;
  readonly signal?: AbortSignal;
}

/** What would happen, as things are now. Domains are provisional: the claim decides. */
export interface DeploymentPlan {
  /** Nothing, the routes alone, a new instance in place of the one of this tag, or a new one beside the others. */
  readonly action: 'unchanged' | 'cutover' | 'replace' | 'create';
  readonly project: string;
  readonly stage: string;
  readonly tag: string;
  readonly digest: string;
  /** What the container would be created from. */
  readonly image: string;
  /** Whether the image has to be pulled first. */
  readonly pulls: boolean;
  readonly domains: readonly { readonly domain: string; readonly kind: 'default' | 'tagged' | 'custom' }[];
  /** The instance that the default route points to now. */
  readonly current: string | null;
  /** Instances that would go after the commit. */
  readonly evicts: readonly {
    readonly instance: string;
    readonly tag: string;
    readonly reason: 'replaced' | 'evicted';
  }[];
  /** Whether the stage would answer nothing for a while: with `stop-first`, from the stop to the cutover. */
  readonly gap: boolean;
  /** The shares that a new instance would get first, in percent of the requests; empty: its routes move at once. */
  readonly shares: readonly { readonly weight: number; readonly holdMs: number }[];
}

export interface RemoveAnswer {
  /** Instances that retire now: their routes go at once, their containers once they have drained. */
  readonly instances: readonly string[];
}

export interface CancelOptions extends CallBound {
  /** Who cancels it, for its log: at most 200 characters. */
  readonly by?: string;
  /** Why, for its log: at most 200 characters. */
  readonly reason?: string;
}

export interface CancelAnswer {
  /** As it is with that. */
  readonly deployment: Deployment;
  /** It was queued, and has ended; it runs, and its host undoes it; it has ended before, and nothing was done. */
  readonly state: 'cancelled' | 'cancelling' | 'ended';
}

export interface CallBound {
  readonly signal?: AbortSignal;
}

/** Puts tags of projects on stages. Made by `createDeployer`; without a parameter any project and stage may be named. */
export type Deployer<Projects extends ProjectMap = ProjectMap> = DeployerOf<RequestOf<Projects>, StageRef<Projects>>;

/** A Deployer by what its requests may name: one of a literal configuration can stand wherever any is wanted. */
export interface DeployerOf<Request extends DeployRequest, Stage extends AnyStage> extends AsyncDisposable {
  /** This deployer's own id, new each time. */
  readonly id: string;
  /** The id of the store: what is marked with it is ours. */
  readonly storeId: string;

  /** Stores the request and answers at once; the signal bounds that call alone. */
  submit(request: Request, options?: CallBound): ResultAsync<Handle, DeployError>;
  /** Submits, and waits for the end. The signal cancels the deployment: what it made is undone before this answers `cancelled`. */
  deploy(request: Request, options?: CallBound): ResultAsync<Deployment, DeployError>;
  /** What `deploy` would do. Reads only. */
  plan(request: Request, options?: CallBound): ResultAsync<DeploymentPlan, AnyError>;
  /**
   * Deploys an earlier deployment's recorded spec. Where its instance still runs, that is a health check and a cutover.
   * `to`: a deployment's id or a tag; default the one that the default route pointed to before. The signal cancels it.
   */
  rollBack(request: Stage & RollBackOptions, options?: CallBound): ResultAsync<Deployment, DeployError>;
  /** Like `rollBack`, and answers at once. */
  submitRollBack(request: Stage & RollBackOptions, options?: CallBound): ResultAsync<Handle, DeployError>;
  /** An instance (not the one that the default route points to: `instance-in-use`), or a stage with all that it has. */
  remove(what: { readonly instance: string } | Stage, options?: AskOptions): ResultAsync<RemoveAnswer, AnyError>;
  /**
   * Cancels a deployment, whichever process runs it: what is queued ends at once, what runs is undone unless it is past its commit. Answers
   * without waiting for that: `result` does.
   */
  cancel(id: string, options?: CancelOptions): ResultAsync<CancelAnswer, AnyError>;
  /**
   * Compares the store with the engine and the proxy: what had not committed is rolled back, what had is finished. Waits until it is known
   * of every host that holds something whether it lives: for a dead one its `ttlMs`. What a live host, another store, another engine or a
   * person owns is left alone. What cannot be finished now is tried again behind its answer.
   */
  recover(options?: AskOptions): ResultAsync<RecoveryReport, AnyError>;
  /**
   * From now on this instance is neither evicted nor expires, though it counts towards `maxInstances`. It can be removed, and replaced by its own
   * tag, all the same; the pin goes with it. Pinned already is `ok`.
   */
  pin(instance: string, options?: AskOptions): ResultAsync<Instance, AnyError>;
  /** Takes the pin off. Not pinned is `ok`. */
  unpin(instance: string, options?: AskOptions): ResultAsync<Instance, AnyError>;
  /**
   * `on`: visitors of the stage's default routes are told to come again, with 503, `Retry-After` and a message, until it is lifted; asked for
   * again, it changes what they are told. Tagged routes go on. It waits for what runs on the stage; deployments in the meantime work, and
   * visitors stay held. A stage that was never deployed begins so. It takes a proxy with the capability `holding`: `unsupported` without.
   * Answers when the proxy is seen to do so; a failure puts back what was. As it is already is `ok`.
   */
  maintenance(request: Stage & MaintenanceRequest, options?: CallBound): ResultAsync<StageView, AnyError>;
  /**
   * Removes what is beyond the bounds of `keep` and `keepEvents`, of every stage. It runs by itself after deployments, and in hosts that work or
   * watch; asked for, it ends when all is done.
   */
  prune(options?: PruneOptions): ResultAsync<PruneReport, AnyError>;
  /**
   * Seals what the store keeps with the first of `secrets.keys`, after a new one was put in front: once its report says so, the old one can
   * go. Broken off, it goes on where it was when it is called again. `unsupported` without a key.
   */
  resealSecrets(options?: CallBound): ResultAsync<ResealReport, AnyError>;
  /** Waits for a deployment's end, whichever process runs it. The signal bounds the wait alone. */
  result(id: string, options?: CallBound): ResultAsync<Deployment, DeployError>;

  /** A deployment's log, from any process. Followed, it ends behind the terminal entry. Throws a `QuaysideError`. */
  logs(id: string, options?: FollowOptions): AsyncIterable<LogEntry>;
  /** The store's events, every process's, from behind `after` (default 0: from the first). Without `follow: false` it has no end. */
  events(options?: {
    readonly after?: number;
    /** `false`: ends behind the newest. Default true. */
    readonly follow?: boolean;
    readonly signal?: AbortSignal;
  }): AsyncIterable<StoredEvent>;
  /** The container's own output. Throws a `QuaysideError`. */
  instanceLogs(
    id: string,
    options?: { readonly tail?: number; readonly follow?: boolean; readonly signal?: AbortSignal },
  ): AsyncIterable<ContainerLogLine>;
  /** This process's events, as they happen. The answer takes the listener off. One that throws harms nobody. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>): () => void;
  once<Name extends EventName>(name: Name, listener: Listener<Name>): () => void;

  readonly deployments: {
    /** Newest first. */
    list(
      query?: PageQuery & {
        readonly project?: string;
        readonly stage?: string;
        readonly status?: Deployment['status'];
      },
    ): ResultAsync<Page<Deployment>, AnyError>;
    get(id: string, options?: CallBound): ResultAsync<Deployment, AnyError>;
  };
  readonly instances: {
    list(
      query?: PageQuery & { readonly project?: string; readonly stage?: string },
    ): ResultAsync<Page<Instance>, AnyError>;
    get(id: string, options?: CallBound): ResultAsync<Instance, AnyError>;
  };
  readonly stages: {
    /** Where stages stand that were deployed, or that are in maintenance. By project and stage. */
    list(
      query?: PageQuery & { readonly project?: string; readonly stage?: string },
    ): ResultAsync<Page<StageView>, AnyError>;
  };
  readonly routes: {
    list(
      query?: PageQuery & { readonly project?: string; readonly stage?: string },
    ): ResultAsync<Page<RouteView>, AnyError>;
  };
  /** Who asked for what, the newest first: kept for `keepAuditMs`, whatever becomes of what it was about. */
  readonly audit: {
    list(
      query?: PageQuery & { readonly project?: string; readonly stage?: string; readonly act?: Act },
    ): ResultAsync<Page<AuditEntry>, AnyError>;
  };
  /** For what comes from outside: every wrong field at once, or a request that `submit` takes. */
  parseRequest(input: unknown): Result<Request, AnyError>;

  /**
   * Keeps live routes leading to running instances, against what others do, until it is stopped or the deployer is closed: routes of a
   * container that came back under another address are healed, one that the engine was to keep running is started again, what is wrong
   * with an instance is marked and told (`instance.condition`), a route that somebody else has changed is told (`route.changed`). Every
   * host may watch. The signal ends it, too.
   */
  watch(options?: WatchOptions): ResultAsync<Watch, AnyError>;

  /**
   * Takes nothing new, and ends: what runs is finished (or cancelled), its tasks are waited for, notifiers are told for up to 5 s, then
   * every port is closed. What is queued stays queued; tasks that are not done are taken up by the next start.
   * @param options.timeoutMs default 60 000; what runs then is cancelled
   */
  close(options?: CloseOptions): Promise<void>;
}

export interface RollBackOptions extends InLine {
  readonly to?: string;
  readonly by?: string;
  readonly force?: boolean;
}

export interface MaintenanceRequest extends MaintenanceOptions {
  /** `false`: visitors get to the instance. The message goes with `true` alone. */
  readonly on: boolean;
  /** Who asks, for the audit trail: at most 200 characters. */
  readonly by?: string;
}

export interface AskOptions extends CallBound {
  /** Who asks, for the audit trail: at most 200 characters. */
  readonly by?: string;
}

export interface PruneOptions extends AskOptions {
  /** Removes, too, containers and routes that carry this store's mark and belong to no record. Default false. */
  readonly unowned?: boolean;
  /** Only say what would go. Default false. */
  readonly dryRun?: boolean;
}

export interface FollowOptions {
  readonly follow?: boolean;
  /** Only entries behind this one. */
  readonly after?: number;
  readonly signal?: AbortSignal;
}

export interface WatchOptions {
  /** What becomes of a route that somebody else has changed or removed at the proxy: it is told (default), or told and put back. */
  readonly changedRoutes?: 'report' | 'put-back';
  readonly signal?: AbortSignal;
}

export interface Watch extends AsyncDisposable {
  /** Ends it; what it is at is finished first. Twice is fine. */
  stop(): Promise<void>;
}

export interface CloseOptions {
  readonly timeoutMs?: number;
  readonly running?: 'finish' | 'cancel';
  /** Aborted, nothing more is waited for, as if the time were over: what runs is cancelled, what retires is the next start's. */
  readonly signal?: AbortSignal;
}
