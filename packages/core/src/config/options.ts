/**
 * The configuration as a host writes it. `schema.ts` checks it, `resolve.ts` merges settings, project and stage into one stage.
 * A `Duration` is `'10s'` or whole milliseconds, a size `'512m'` or bytes.
 */
import type { Duration } from '../domain/duration.js';
import type { PullPolicy, RestartPolicy } from '../domain/spec.js';

/** How an instance proves that it is healthy. Fields may be given in the settings, the project and the stage: the nearest wins. */
export interface HealthcheckOptions {
  /**
   * `http` (default for a stage with a port), `tcp` (a connection is enough), `image` (the image's own HEALTHCHECK, run by the
   * engine), or `running` (default without a port): it ran for `settleMs` without an exit.
   */
  readonly kind?: 'http' | 'tcp' | 'image' | 'running';
  /** Default `/`; short form `healthcheckPath`. */
  readonly path?: string;
  /** Default GET. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'OPTIONS';
  readonly headers?: { readonly [name: string]: string };
  /** Codes and ranges that are good: `200`, `'200-299'`, `[200, '301-302']`. Default `'200-299'`. */
  readonly expectStatus?: number | string | readonly (number | string)[];
  /** What the body's first 64 kB must contain, or match. */
  readonly expectBody?: string | RegExp;
  /** Where it is not the stage's own port. */
  readonly port?: number;
  /** Attempts after the first counted one; default 3. */
  readonly retries?: number;
  /**
   * Between two counted attempts, and before the first; default 5 s. Within the first one the check looks every 50 ms, and no failure
   * of those counts.
   */
  readonly interval?: Duration;
  /** Of one attempt; default 10 s. */
  readonly timeout?: Duration;
  /** For slow starters: within it no failure counts. Default 0. */
  readonly startPeriod?: Duration;
  /** So many good answers in a row; default 1. */
  readonly successThreshold?: number;
  /** Of `running`: how long it has to run; default 2 000 ms. */
  readonly settleMs?: number;
}

/** Of a stage's past: by how many, by age, or both; what exceeds either goes. What runs, is pinned, or is needed for a roll back within `history` stays. */
export interface KeepOptions {
  /** Deployments, with their specs; default 200, without an age. */
  readonly history?: KeepBounds;
  /** Deployments that keep their log; default 50, without an age. */
  readonly logs?: KeepBounds;
  /** Succeeded deployments whose image stays at the engine, of images that we pulled; default 5, without an age. */
  readonly images?: KeepBounds;
}

export interface KeepBounds {
  /** The newest so many; 0 to 100 000. */
  readonly count?: number;
  /** Those that ended within this time. */
  readonly age?: Duration;
}

export type MountOptions =
  /** A named volume. Writable, it needs `replace: 'stop-first'` or `sharedVolume: true`. */
  | { readonly type: 'volume'; readonly source: string; readonly target: string; readonly readOnly?: boolean }
  /** A path of the engine's machine, absolute. */
  | { readonly type: 'bind'; readonly source: string; readonly target: string; readonly readOnly?: boolean }
  | { readonly type: 'tmpfs'; readonly target: string; readonly size?: string | number };

export interface PortOptions {
  readonly container: number;
  /** Default: the engine chooses. A fixed one needs `replace: 'stop-first'`. */
  readonly host?: number;
  /** The node's address that it is bound to; default 127.0.0.1. */
  readonly bind?: string;
  /** Default tcp. */
  readonly protocol?: 'tcp' | 'udp';
}

/** What an `env` function is told. */
export interface EnvContext {
  readonly project: string;
  readonly stage: string;
  readonly tag: string;
  readonly signal: AbortSignal;
}

/** One value of the environment. Every one is a secret, unless it is `plain` or its name is in `plainEnv`. */
export type EnvValue =
  | string
  /** May be stored and shown. */
  | { readonly plain: string }
  /** A secret even where its name is in `plainEnv`, and taken out of all that this process tells, of other stages too. */
  | { readonly secret: string }
  /**
   * Asked at each deployment that makes a container, and by `plan`: for what a vault keeps. It may take 30 s. What it answers is as `secret` as
   * above, unless its name is in `plainEnv`; what it throws is never shown, since it may hold the value.
   */
  | ((context: EnvContext & { readonly name: string }) => string | PromiseLike<string>);

export type EnvRecord = { readonly [name: string]: EnvValue };

export type EnvOptions =
  | EnvRecord
  /** Asked like the function of one value; its texts are as secret. */
  | ((context: EnvContext) => EnvRecord | PromiseLike<EnvRecord>);

/** What may be given in the settings (for all), in a project (for its stages) and in a stage. The nearest wins; see `env` and `labels`. */
export interface StageDefaults {
  /** The port that the app listens on in its container. Without one the stage has no route. */
  readonly port?: number;
  /** Short for `healthcheck: { path }`; default `/`. */
  readonly healthcheckPath?: string;
  readonly healthcheck?: HealthcheckOptions;
  /** How many instances of a stage run side by side, 1 to 50; default 3, with `stop-first` 1. */
  readonly maxInstances?: number;
  /** `start-first` (default): the new one is healthy before the old one goes. `stop-first`: for what cannot run twice. */
  readonly replace?: 'start-first' | 'stop-first';
  /** The app can share its writable volumes with its successor: then `start-first` is fine. Default false. */
  readonly sharedVolume?: boolean;
  /** Default: all requests move to a new instance at once. */
  readonly cutover?: CutoverOptions;
  /** The instance before the current one is not evicted for so long; default 0. */
  readonly rollbackWindow?: Duration;
  /**
   * How long an instance lives after its commit; a new deployment of its stage that ends on it begins it anew. Of a stage with a name of its
   * own the instance that the default route points to stays; one that a pattern made (`pr-*`) goes as a whole, routes first. Default:
   * for ever.
   */
  readonly ttl?: Duration;
  /** How much of the past is kept; see `KeepOptions`. */
  readonly keep?: KeepOptions;
  /**
   * What a request does where another one of the stage waits or runs, unless it says so itself: `queue` (default) waits in line, `supersede`
   * ends those that wait, `reject` is refused with `stage-busy`.
   */
  readonly policy?: 'queue' | 'supersede' | 'reject';
  /** Of `supersede`: whether the deployment that runs is finished (default) or cancelled before its commit. */
  readonly running?: 'finish' | 'cancel';
  /** What visitors are told while a stage is in maintenance, where who asks for that says nothing else. Merged field by field. */
  readonly maintenance?: MaintenanceOptions;
  /** Environment. Merged by name. Every value is a secret unless its name is in `plainEnv`. */
  readonly env?: EnvOptions;
  /** Names of variables whose values may be stored and shown. Merged. */
  readonly plainEnv?: readonly string[];
  /** Labels of the container. Merged by key; `dev.quayside.` is ours. */
  readonly labels?: { readonly [key: string]: string };
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly workingDir?: string;
  /** `uid`, `uid:gid` or names. */
  readonly user?: string;
  /** Default false. */
  readonly readOnlyRoot?: boolean;
  /** An init process as PID 1; default true. */
  readonly init?: boolean;
  readonly mounts?: readonly MountOptions[];
  /** Limits: `'512m'` or bytes; processors, e.g. 1.5; processes. Default none. */
  readonly memory?: string | number;
  readonly cpus?: number;
  readonly pids?: number;
  /** Default `unless-stopped`; of a one-shot stage `no`. */
  readonly restart?: RestartPolicy;
  /** Default 10 MB times 3 files; `false` leaves it to the engine. */
  readonly logRotation?: false | { readonly maxSize?: string | number; readonly maxFiles?: number };
  /** Networks of the engine; the first is the one that proxies find it on. Default: the runtime's own. */
  readonly networks?: readonly (string | { readonly name: string; readonly aliases?: readonly string[] })[];
  /** Further ports of the node, beside the proxy's way in. */
  readonly ports?: readonly PortOptions[];
  /** Default: the image's. */
  readonly stopSignal?: string;
  /** Between the stop signal and the kill; default 10 s. */
  readonly stopGrace?: Duration;
  /** `always` asks the registry what the tag is now (default); `missing` only where the engine has no such tag; `never`. */
  readonly pull?: PullPolicy;
  /** It is meant to end: healthy when it ends with 0; no port, no route, not started again. Default false. */
  readonly oneShot?: boolean;
  /** How long a replaced instance is left alone before it stops, where the proxy cannot count what is in flight; default 10 s. */
  readonly drain?: Duration;
  /** How long at most it is waited for what is in flight; default 30 s. */
  readonly drainTimeout?: Duration;
  /** Bounds: of a pull (default 10 m), of the front door's proof (default 10 s), of the whole deployment (default 30 m). */
  readonly pullTimeout?: Duration;
  readonly proveTimeout?: Duration;
  readonly deployTimeout?: Duration;
  /** What the runtime's and the proxy's adapters want to know of the stage; see their documentation. */
  readonly options?: { readonly runtime?: unknown; readonly proxy?: unknown };
}

/** What visitors are told in the place of the app: 503, and this. It takes a proxy with the capability `holding`. */
export interface MaintenanceOptions {
  /** Plain text of one line, at most 500 characters; default `Down for maintenance. Please come again in a few minutes.` */
  readonly message?: string;
  /** When they are told to come again (`Retry-After`): 1 s to 30 d, rounded up to whole seconds; default 5 m. */
  readonly retryAfterMs?: Duration;
}

/**
 * A progressive cutover: a new instance gets a share of the requests, then a larger one, and in the end all. It takes a proxy with the
 * capability `weights`, and, for `abortOn`, one that counts. A visitor stays with the instance that answered first where the proxy can
 * see to that (`sticky`). A roll back, and a route that led nowhere before, moves at once.
 */
export interface CutoverOptions {
  /**
   * At most 20, with growing weights: the percentage of the requests that the new instance gets (1 to 99), and for how long. None: all at
   * once, for a stage where its project or the settings have steps.
   */
  readonly steps: readonly { readonly weight: number; readonly holdMs: Duration }[];
  /** When it is taken back: all that the new instance answered since the last verdict is judged once there is enough of it. */
  readonly abortOn?: {
    /** The part of its answers, 0 to 1, that may have status 500 or above; more than that ends it. */
    readonly errorRate?: number;
    /** What 99 of 100 answers have to come within; interpolated in the buckets that the proxy counts by. */
    readonly p99Ms?: Duration;
    /** So many requests it takes for a verdict; with fewer they are gathered on. Default 100. */
    readonly minRequests?: number;
    /** Between two looks; default 5 s. */
    readonly windowMs?: Duration;
  };
}

export interface StageOptions extends StageDefaults {
  /**
   * Custom domains of the default route, at most 40. `{stage}`, `{project}` are replaced; a pattern stage must have `{stage}` in each.
   */
  readonly domains?: readonly string[];
}

/** A project: what is deployed. */
export interface ProjectOptions<
  Stages extends { readonly [stage: string]: StageOptions } = { readonly [stage: string]: StageOptions },
> extends StageDefaults {
  /** The repository, without a tag: `registry.example.com/shop`. */
  readonly image: string;
  /** By name; a name may be a pattern (`pr-*`), and the most specific one wins. */
  readonly stages: Stages;
}

export interface Settings extends StageDefaults {
  /** What generated domains stand in front of: `apps.example.com`. Needed where a stage has a port. */
  readonly domain?: string;
  /** Default `stage-{stage}-{project}`. */
  readonly defaultRoute?: string;
  /** Default `stage-{stage}-{project}-{tag}`. */
  readonly taggedRoute?: string;
  /** A lease may be taken over once it was unrenewed for so long; default 30 000. */
  readonly ttlMs?: number;
  /** Default 10 000. */
  readonly renewMs?: number;
  /** The most that one change at the engine or the proxy may take; default 15 000. */
  readonly effectTimeoutMs?: number;
  /** The most that undoing one step may take; default 30 000. */
  readonly undoTimeoutMs?: number;
  /** A change whose outcome is not known counts as not made when it was not seen for so long; default 2 000. */
  readonly absentForMs?: number;
  /** A queued deployment that no host can run any more ends `abandoned` after so long; default 86 400 000 (24 hours). */
  readonly abandonAfterMs?: number;
  /** Entries of the store's stream of events that are kept, as far as every notifier has been told of them; default 100 000. */
  readonly keepEvents?: number;
  /** How long the audit trail says who did what; default 31 536 000 000 (365 days). */
  readonly keepAuditMs?: number;
}

export type ProjectMap = { readonly [project: string]: ProjectOptions };

/** For a host that keeps its own projects: asked at each request; undefined where there is none of that name. */
export type ProjectLookup = (
  name: string,
  signal: AbortSignal,
) => ProjectOptions | undefined | PromiseLike<ProjectOptions | undefined>;

/** A stage's name as requests may give it: `'pr-*'` is `` `pr-${string}` ``. */
export type StageNameOf<Key> = Key extends `${infer Before}*${infer After}`
  ? `${Before}${string}${StageNameOf<After>}`
  : Key;
