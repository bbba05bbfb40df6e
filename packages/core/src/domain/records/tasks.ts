/** Work that outlives its deployment, and how far notifiers have been told. */
import type { Json } from '../json.js';
import type { Identities, StoredError } from './deployments.js';

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
