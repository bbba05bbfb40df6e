/** Who did what. */
import type { RequestedBy } from './deployments.js';

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
