/** What hosts see of records: the same facts, without what is only ours to keep. */
import type {
  Act,
  AuditRecord,
  DeploymentRecord,
  DeploymentStatus,
  InstanceCondition,
  InstanceRecord,
  Maintenance,
  RouteRecord,
  StageRecord,
  StepRecord,
  StoredError,
} from './records.js';

export interface Deployment {
  readonly id: string;
  readonly project: string;
  readonly stage: string;
  readonly tag: string;
  readonly kind: 'deploy' | 'rollback';
  readonly status: DeploymentStatus;
  /** What a rollback or a retire still has to remove. */
  readonly cleanup: 'none' | 'pending' | 'done';
  /** `sha256:…`; null until it is resolved. */
  readonly digest: string | null;
  /** Wall clock, milliseconds since the epoch. */
  readonly queuedAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** From its start to its end, in milliseconds. */
  readonly durationMs: number | null;
  readonly steps: readonly StepRecord[];
  /** What it left running; of `unchanged`, what runs already. */
  readonly instance: string | null;
  /** The instance that the default route pointed to before it. */
  readonly previous: string | null;
  readonly error: StoredError | null;
  /** Who asked, as the host said. */
  readonly by: string | null;
  /** While `cleanup` is pending: what is left, in words. */
  readonly left: readonly string[];
  /** Why no host that has looked at it could go on with it, in words: another engine, another version of a step, a missing key. */
  readonly needsHost: string | null;
  /** Of `superseded`: the deployment that took its place. */
  readonly supersededBy: string | null;
  /** Whether its log is still kept. */
  readonly hasLog: boolean;
}

export const deploymentView = (record: DeploymentRecord): Deployment => ({
  id: record.id,
  project: record.project,
  stage: record.stage,
  tag: record.tag,
  kind: record.kind,
  status: record.status,
  cleanup: record.cleanup,
  digest: record.digest,
  queuedAt: record.queuedAt,
  startedAt: record.startedAt,
  endedAt: record.endedAt,
  durationMs:
    record.startedAt !== null && record.endedAt !== null ? Math.max(0, record.endedAt - record.startedAt) : null,
  steps: record.steps,
  instance: record.instance,
  previous: record.previous,
  error: record.error,
  by: record.request.by ?? null,
  left: record.left,
  needsHost: record.needsHost,
  supersededBy: record.supersededBy,
  hasLog: record.logPrunedAt === undefined,
});

export interface Instance {
  /** The id of the deployment that made it. */
  readonly id: string;
  readonly project: string;
  readonly stage: string;
  readonly tag: string;
  readonly digest: string;
  /** The container's name at the engine. */
  readonly container: string;
  readonly state: 'running' | 'retiring';
  /** Whether the default route points to it. */
  readonly isDefault: boolean;
  readonly createdAt: number;
  readonly defaultSince: number;
  /** Null while the default route points to it. */
  readonly defaultUntil: number | null;
  /** Where it is reached: its tagged domain, and the default ones while it is the default. */
  readonly domains: readonly string[];
  /** Wall clock: when its time to live is over; null: it has none. */
  readonly expiresAt: number | null;
  /** It is neither evicted nor expires. */
  readonly isPinned: boolean;
  /** The default route points to it, and its visitors are told to come again: the stage is in maintenance. */
  readonly isHeld: boolean;
  /** What `watch()` has seen to be wrong with it; null: nothing. */
  readonly condition: InstanceCondition | null;
}

export const instanceView = (
  record: InstanceRecord,
  domains: readonly string[],
  more: Partial<Pick<Instance, 'isPinned' | 'isHeld' | 'condition'>> = {},
): Instance => ({
  id: record.id,
  project: record.project,
  stage: record.stage,
  tag: record.tag,
  digest: record.digest,
  container: record.container,
  state: record.state,
  isDefault: record.state === 'running' && record.defaultUntil === null,
  createdAt: record.createdAt,
  defaultSince: record.defaultSince,
  defaultUntil: record.defaultUntil,
  domains,
  expiresAt: record.expiresAt,
  isPinned: more.isPinned ?? false,
  isHeld: more.isHeld ?? false,
  condition: more.condition ?? null,
});

/** Where a stage stands. One that was never deployed is known once it is in maintenance. */
export interface Stage {
  readonly project: string;
  readonly stage: string;
  /** The instance that the default route points to, and the one before. */
  readonly current: string | null;
  readonly previous: string | null;
  /** What visitors are told in the place of the current instance; null: they get to it. */
  readonly maintenance: Maintenance | null;
}

export const stageView = ({ project, stage, current, previous, maintenance }: StageRecord): Stage => ({
  project,
  stage,
  current,
  previous,
  maintenance: maintenance ?? null,
});

export interface RouteView {
  readonly domain: string;
  readonly kind: 'default' | 'tagged' | 'custom';
  readonly project: string;
  readonly stage: string;
  readonly tag: string | null;
  readonly state: RouteRecord['state'];
  /** The instance that it points to; null before its first cutover. */
  readonly instance: string | null;
}

export const routeView = (record: RouteRecord): RouteView => ({
  domain: record.id,
  kind: record.owner.kind,
  project: record.owner.project,
  stage: record.owner.stage,
  tag: record.owner.tag ?? null,
  state: record.state,
  instance: record.instance,
});

/** Who did what, and when. */
export interface AuditEntry {
  readonly id: string;
  readonly act: Act;
  /** Wall clock, milliseconds since the epoch. */
  readonly time: number;
  /** As the host said; null where it did not. */
  readonly by: string | null;
  /** Null where it was about all of them. */
  readonly project: string | null;
  readonly stage: string | null;
  readonly tag: string | null;
  /** The deployment or the instance that it was about; null where it was about a stage or all of them. */
  readonly subject: string | null;
  /** The rest, in words: why something was cancelled, what else was to be removed. */
  readonly detail: string | null;
}

export const auditView = ({ at, stageKey: _key, ...record }: AuditRecord): AuditEntry => ({ ...record, time: at });
