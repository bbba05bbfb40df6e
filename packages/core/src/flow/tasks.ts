/** The durable tasks that a commit leaves behind; `tasks/` does them. */
import type { HoldTask, Identities, RetireReason, RetireTask, UndoTask, UnrouteTask } from '../domain/records.js';

interface TaskBase {
  readonly id: string;
  readonly now: number;
  readonly stageKey: string;
  readonly deployment: string | null;
  readonly identities: Identities;
}

const base = ({ id, now, stageKey, deployment, identities }: TaskBase) => ({
  id,
  stageKey,
  deployment,
  identities,
  attempts: 0,
  dueAt: now,
  createdAt: now,
  lastError: null,
});

export const retireTask = (
  task: TaskBase & { readonly instance: string; readonly reason: RetireReason; readonly domains: readonly string[] },
): RetireTask => ({
  ...base(task),
  kind: 'retire',
  subject: task.instance,
  reason: task.reason,
  domains: task.domains,
});

export const unrouteTask = (
  task: TaskBase & { readonly subject: string; readonly domains: readonly string[] },
): UnrouteTask => ({ ...base(task), kind: 'unroute', subject: task.subject, domains: task.domains });

export const undoTask = (task: TaskBase & { readonly subject: string }): UndoTask => ({
  ...base(task),
  kind: 'undo',
  subject: task.subject,
});

export const holdTask = (task: TaskBase): HoldTask => ({ ...base(task), kind: 'hold', subject: task.stageKey });
