/**
 * A script: everything that is going to happen in one run, as plain data. A seed writes one (`write.ts`), a test of a named trace writes
 * its own, and a failing one is made shorter by leaving items and faults out.
 */
import type { AppBehaviour } from './core.js';

/** What can go wrong with one call of a port. */
export const FAULTS = [
  /** The request never arrives: an error at once. */
  'lost',
  /** It works, and the answer is lost: the same error. */
  'unheard',
  /** Nothing is answered until the caller gives up. The request arrives, or does not. */
  'hang',
  /** It arrives late, as late as the rules for leases and unknown outcomes allow. */
  'late',
  /** It takes a good while, and works. */
  'slow',
  /** It arrives twice. */
  'twice',
  /** The port throws. */
  'throws',
  /** Nothing is ever answered, not even to an abort. */
  'deaf',
] as const;
export type Fault = (typeof FAULTS)[number];

/** What stands between a host and the world. `store`, `engine` and `proxy` are those that the host uses. */
export const COMPONENTS = ['engine', 'proxy', 'registry', 'probe', 'store', 'receiver'] as const;
export type Component = (typeof COMPONENTS)[number];

export interface HostPlan {
  readonly name: string;
  /** A service is started again when it died; a command makes its one request and goes. */
  readonly kind: 'service' | 'command';
  readonly store: number;
  readonly engine: number;
  /** What its wall clock is off by, where its monotonic clock began, and how fast both go. */
  readonly wallMs: number;
  readonly beganMs: number;
  readonly rate: number;
  /** Whether it can seal what the store keeps of secrets. */
  readonly hasKey: boolean;
  /** Its hosts run each other's deployments; null: it runs its own alone. */
  readonly group: string | null;
  readonly recovers: 'on-start' | 'manual';
  /** Whether it watches, and what it does with a route that somebody has changed. */
  readonly watches: 'report' | 'put-back' | null;
  readonly notifies: boolean;
  /** How long after its death it is started again. */
  readonly restartAfterMs: number;
}

export interface StagePlan {
  readonly project: string;
  readonly stage: string;
  readonly store: number;
  readonly engine: number;
  /** Its options by the configuration's version, which grows while the run goes on; the last one stays. */
  readonly options: readonly { readonly [option: string]: unknown }[];
}

export type Request =
  | {
      readonly kind: 'deploy';
      readonly stage: number;
      readonly tag: string;
      readonly force: boolean;
      readonly waits: boolean;
      readonly policy: 'queue' | 'supersede' | 'reject' | null;
      readonly running: 'finish' | 'cancel';
      readonly key: string | null;
    }
  | { readonly kind: 'rollBack'; readonly stage: number; readonly to: string | null }
  | { readonly kind: 'removeStage'; readonly stage: number }
  /** Visitors are told this; null: they get to the instance. */
  | { readonly kind: 'maintenance'; readonly stage: number; readonly message: string | null }
  /** One of the stage's instances: the oldest, the newest but one, … */
  | { readonly kind: 'removeInstance'; readonly stage: number; readonly which: number }
  /** The stage's newest deployment, whoever runs it. */
  | { readonly kind: 'cancel'; readonly stage: number }
  | { readonly kind: 'recover' }
  | { readonly kind: 'plan'; readonly stage: number; readonly tag: string }
  /** Follows the newest deployment's log from another place. */
  | { readonly kind: 'follow'; readonly stage: number }
  | { readonly kind: 'close'; readonly running: 'finish' | 'cancel' };

/** When, within one call of a host. */
export type Moment = 'before' | 'sent' | 'answered';

export type Item = { readonly id: string } & (
  | { readonly kind: 'request'; readonly atMs: number; readonly host: string; readonly request: Request }
  /** Whoever asked hangs up: the signal of that request is aborted. */
  | { readonly kind: 'hang-up'; readonly of: string; readonly afterMs: number }
  /**
   * SIGKILL at a host's n-th call, or at a time. A stall is a process that stands still for so long. Both of all its calls, or of those
   * alone that change the engine or the proxy under a lease.
   */
  | {
      readonly kind: 'kill';
      readonly host: string;
      readonly life: number;
      readonly of: 'calls' | 'effects';
      readonly call: number;
      readonly when: Moment;
    }
  | { readonly kind: 'kill-at'; readonly host: string; readonly atMs: number }
  | {
      readonly kind: 'stall';
      readonly host: string;
      readonly life: number;
      readonly of: 'calls' | 'effects';
      readonly call: number;
      readonly when: Moment;
      readonly ms: number;
    }
  | {
      readonly kind: 'partition';
      readonly host: string;
      readonly from: Component;
      readonly atMs: number;
      readonly ms: number;
    }
  | {
      readonly kind: 'outage';
      readonly of: Component;
      readonly number: number;
      readonly atMs: number;
      readonly ms: number;
    }
  | { readonly kind: 'lie'; readonly proxy: number; readonly atMs: number; readonly ms: number }
  | { readonly kind: 'wall-clock'; readonly host: string; readonly atMs: number; readonly ms: number }
  | { readonly kind: 'configure'; readonly atMs: number }
  /** What the world does to what runs. `which`: one of the stage's instances. */
  | {
      readonly kind: 'crash' | 'removed-by-hand' | 'route-by-hand';
      readonly stage: number;
      readonly which: number;
      readonly atMs: number;
    }
  | { readonly kind: 'engine-restart'; readonly engine: number; readonly atMs: number }
);
export type ItemKind = Item['kind'];

export interface Timing {
  readonly ttlMs: number;
  readonly renewMs: number;
  readonly effectTimeoutMs: number;
  readonly undoTimeoutMs: number;
  readonly absentForMs: number;
  readonly abandonAfterMs: number;
}

export interface Script {
  readonly seed: number;
  readonly timing: Timing;
  readonly stores: number;
  readonly engines: number;
  /** Of the proxy of each engine. */
  readonly proxies: readonly {
    readonly writes: 'serial' | 'parallel';
    readonly acceptsUnready: boolean;
    readonly weights: boolean;
  }[];
  readonly hosts: readonly HostPlan[];
  readonly stages: readonly StagePlan[];
  /** What runs in the images, by tag; null: there is no such tag. */
  readonly tags: { readonly [tag: string]: AppBehaviour | null };
  /** Per call, each from 0 to 1; what is absent does not happen. */
  readonly odds: { readonly [F in Fault]?: number };
  /** How long a call and its answer are under way at most, each. */
  readonly latencyMs: number;
  /** Whether things of others, and things of ours without a record, are there from the beginning. */
  readonly hasStrangers: boolean;
  /** Whether every stage is deployed once more in the end, when nothing goes wrong any more. */
  readonly deploysInTheEnd: boolean;
  readonly items: readonly Item[];
}

/** One that every engine has and that works: what comes after all that went wrong. */
export const GOOD_TAG = 'good';
