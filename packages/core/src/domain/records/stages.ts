/** What stands: stages, their instances and routes, and what is known of an instance beside. */
import type { Json } from '../json.js';
import type { DomainOwner } from '../names.js';
import type { Identities, RequestedBy } from './deployments.js';

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

/** An instance that is neither evicted nor expires. Apart from the instance's record, which is the stage lease's. `pins` */
export interface PinRecord {
  /** The instance's id. */
  readonly id: string;
  readonly at: number;
  readonly by: RequestedBy | null;
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

/** One text per stage: no separator that a name could contain. */
export const stageKey = (project: string, stage: string): string => JSON.stringify([project, stage]);

export function stageOf(key: string): { readonly project: string; readonly stage: string } {
  const [project = '', stage = ''] = JSON.parse(key) as string[];
  return { project, stage };
}
