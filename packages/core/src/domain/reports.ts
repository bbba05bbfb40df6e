/** What `recover()` and `prune()` answer, and what was measured: plain data, for people and for events. */
import type { TerminalStatus } from './records.js';

/** What `recover()` found and did. Ids are of deployments, where nothing else is said. */
export interface RecoveryReport {
  /** Ended and undone, each with the status that it ended with. */
  readonly settled: readonly { readonly deployment: string; readonly status: TerminalStatus }[];
  /** Their undo could not be finished yet: it is tried again. */
  readonly unfinished: readonly string[];
  /** What had committed and was left in the midst of the rest: it is done now. `subject`: an instance's or a deployment's id, of `hold` a stage. */
  readonly finished: readonly {
    readonly task: string;
    readonly kind: 'retire' | 'unroute' | 'undo' | 'hold' | 'notify';
    readonly subject: string;
  }[];
  /** Left alone: a live host holds their stage. */
  readonly busy: readonly string[];
  /** Left alone: they need another host, which has that engine or proxy, that version of a step, or that key. */
  readonly needsHost: readonly { readonly deployment: string; readonly reason: string }[];
  /** Domains whose route leads again to where its instance is now. */
  readonly healed: readonly string[];
  /** Instances whose container is not there any more. */
  readonly lost: readonly string[];
  /** Carries this store's mark and belongs to no record. Nothing touches it but `prune({ unowned: true })`. */
  readonly unowned: Unowned;
  /** What could not be looked at or settled, in words: the engine, the proxy or the store did not answer, or a lease was lost amid it. */
  readonly blind: readonly string[];
}

export interface Unowned {
  /** Names of containers. */
  readonly containers: readonly string[];
  /** Domains. */
  readonly routes: readonly string[];
}

/** What `prune()` removed, or, of a dry run, would remove. */
export interface PruneReport {
  /** Ids of deployments whose record, spec and log went. */
  readonly deployments: readonly string[];
  /** Ids of deployments that stay in the history and whose log went. */
  readonly logs: readonly string[];
  /** Image references. */
  readonly images: readonly string[];
  /** How many events went from the store's stream. */
  readonly events: number;
  readonly unowned: Unowned;
  /** What stayed though it was to go, and why, in words. */
  readonly kept: readonly string[];
}

/** What a change of keys has come to. The old key can go once `later` and `unreadable` are empty. */
export interface ResealReport {
  /** How many values, and fingerprints of what runs, are under the first key now. */
  readonly resealed: number;
  /** How many values were so before. */
  readonly current: number;
  /** Ids of deployments that wait, run, or are being written by somebody: call again when they have ended. */
  readonly later: readonly string[];
  /** Deployments and names of values that no key of this host opens, as `id NAME`. */
  readonly unreadable: readonly string[];
}

/** What a new instance has answered with its share of the requests. */
export interface Measured {
  readonly requests: number;
  /** Status 500 and above. */
  readonly errors: number;
  /** 0 to 1. */
  readonly errorRate: number;
  /** Null where no latency was measured. */
  readonly p99Ms: number | null;
}
