/** Deployments: what was asked for, how far it is, how it ended, and what it has written down to be taken back. */
import type { ErrorKind } from '../errors.js';
import type { Json } from '../json.js';
import type { Spec } from '../spec.js';

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
