/**
 * The spec: everything that a deployment needs, resolved to plain JSON and stored when the stage is claimed. Undo, retire,
 * roll back and recovery use it, and never the configuration, which may have changed meanwhile.
 */
import type { EndpointKind } from './endpoints.js';
import type { HealthCheck } from './health.js';
import type { Json } from './json.js';
import type { DomainOwner } from './names.js';

/** One variable of the environment, and how much of its value is kept. */
export type SpecVariable = { readonly name: string } & (
  | { readonly kept: 'plain'; readonly value: string }
  | { readonly kept: 'sealed'; readonly sealed: string }
  | { readonly kept: 'no' }
);

export type Mount =
  | {
      readonly type: 'volume';
      /** The volume's name. */
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
    }
  | { readonly type: 'bind'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | { readonly type: 'tmpfs'; readonly target: string; readonly sizeBytes: number | null };

export interface PublishedPort {
  readonly containerPort: number;
  /** Null lets the engine choose. */
  readonly hostPort: number | null;
  readonly bind: string;
  readonly protocol: 'tcp' | 'udp';
}

export interface Limits {
  readonly memoryBytes: number | null;
  /** Whole and part processors, e.g. 1.5. */
  readonly cpus: number | null;
  readonly pids: number | null;
}

export type RestartPolicy = 'no' | 'on-failure' | 'always' | 'unless-stopped';

export interface NetworkUse {
  readonly name: string;
  readonly aliases: readonly string[];
}

/** What the container is made of, apart from its name, image and environment. */
export interface ContainerShape {
  readonly labels: { readonly [key: string]: string };
  readonly command: readonly string[] | null;
  readonly entrypoint: readonly string[] | null;
  readonly workingDir: string | null;
  readonly user: string | null;
  readonly readOnlyRoot: boolean;
  /** An init process as PID 1, which reaps zombies and passes signals on. */
  readonly init: boolean;
  readonly mounts: readonly Mount[];
  readonly limits: Limits;
  readonly restart: RestartPolicy;
  /** Rotation of the engine's log; null leaves it to the engine. */
  readonly logRotation: { readonly maxBytes: number; readonly maxFiles: number } | null;
  /** The first one is given at create, the others are connected afterwards. Empty: the runtime's own default. */
  readonly networks: readonly NetworkUse[];
  readonly ports: readonly PublishedPort[];
  /** A signal's name, e.g. `SIGQUIT`; null is the image's own. */
  readonly stopSignal: string | null;
  readonly stopGraceMs: number;
}

export interface SpecRoute {
  readonly domain: string;
  readonly owner: DomainOwner;
  /** The proxy's mark on it. */
  readonly mark: string;
}

export interface SpecImage {
  readonly repository: string;
  readonly tag: string;
  /** `sha256:…` of the registry, or the engine's image id for one that was only built here. */
  readonly digest: string;
  /** What the container is created from: `repository@digest`, or the image id. */
  readonly reference: string;
  readonly pull: PullPolicy;
}

export type PullPolicy = 'always' | 'missing' | 'never';

export interface Spec {
  readonly project: string;
  readonly stage: string;
  readonly tag: string;
  readonly image: SpecImage;
  readonly env: readonly SpecVariable[];
  readonly container: ContainerShape;
  /** The port that the app listens on in its container; null: no route. */
  readonly port: number | null;
  readonly health: HealthCheck;
  readonly routes: readonly SpecRoute[];
  readonly maxInstances: number;
  readonly rollbackWindowMs: number;
  readonly replace: 'start-first' | 'stop-first';
  /** Absent: its routes move at once. */
  readonly cutover?: SpecCutover;
  readonly drainMs: number;
  readonly drainTimeoutMs: number;
  /** How long its instance lives after its commit; null: until it is evicted, replaced or removed. */
  readonly ttlMs: number | null;
  /** How much of its stage's past is kept, where the stage is not configured; absent in a spec of an older version. */
  readonly keep?: Keep;
  /** Time limits of the steps that have one of their own, and of the whole, in milliseconds. */
  readonly limits: SpecLimits;
  /** How the proxy and the probe reach the instance; null where they do not. */
  readonly reach: { readonly proxy: EndpointKind | null; readonly probe: EndpointKind | null };
  /** What the ports' own `parseOptions` made of the stage's options. */
  readonly options: { readonly runtime: Json; readonly proxy: Json };
  /** A keyed hash of all that makes two deployments the same, env values included. */
  readonly fingerprint: string;
}

/** Shares of the requests, before all of them go to the new instance. */
export interface SpecCutover {
  /** Weights in percent, growing. */
  readonly steps: readonly { readonly weight: number; readonly holdMs: number }[];
  /** What the new instance must not exceed meanwhile; null: nothing is counted. */
  readonly abortOn: {
    /** 0 to 1; null: any. */
    readonly errorRate: number | null;
    readonly p99Ms: number | null;
    readonly minRequests: number;
    readonly windowMs: number;
  } | null;
}

/** How much of a stage's past is kept: the newest so many, of those that ended within `ageMs` (null: whenever). */
export interface Keep {
  /** Deployments, with their specs. */
  readonly history: KeepBound;
  /** Deployments with their logs. */
  readonly logs: KeepBound;
  /** Succeeded deployments with their images. */
  readonly images: KeepBound;
}

export interface KeepBound {
  readonly count: number;
  readonly ageMs: number | null;
}

export interface SpecLimits {
  readonly pullMs: number;
  readonly proveMs: number;
  readonly deploymentMs: number;
}
