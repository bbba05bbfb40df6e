/** Which of two views of one deployment is the newer: they come by answers and by events, in any order. */
import type { Deployment, DeploymentStatus } from '@quayside/core';

const RANK: Readonly<Record<DeploymentStatus, number>> = {
  queued: 0,
  running: 1,
  'rolling-back': 2,
  succeeded: 3,
  unchanged: 3,
  failed: 3,
  cancelled: 3,
  superseded: 3,
  abandoned: 3,
};
const STEP = { running: 1, done: 2, failed: 3, undone: 4 } as const;
const CLEANUP = { none: 0, pending: 0, done: 1 } as const;

export const hasEnded = ({ status }: Deployment): boolean => RANK[status] === 3;

/** Grows with every change of a deployment. */
const progress = ({ status, steps, cleanup }: Deployment): readonly number[] => [
  RANK[status],
  steps.reduce((sum, step) => sum + STEP[step.status], 0),
  CLEANUP[cleanup],
];

export function newerOf(known: Deployment | undefined, came: Deployment): Deployment {
  if (!known) return came;
  const [a, b] = [progress(known), progress(came)];
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return (a[at] ?? 0) > (b[at] ?? 0) ? known : came;
  return came;
}

export const STATUS_TEXT: Readonly<Record<DeploymentStatus, string>> = {
  queued: 'Queued',
  running: 'Running',
  'rolling-back': 'Rolling back',
  succeeded: 'Succeeded',
  unchanged: 'Unchanged',
  failed: 'Failed',
  cancelled: 'Cancelled',
  superseded: 'Superseded',
  abandoned: 'Abandoned',
};

export const toneOf = ({ status }: Pick<Deployment, 'status'>): 'good' | 'bad' | 'busy' | 'warn' | 'calm' => {
  if (status === 'succeeded') return 'good';
  if (status === 'failed' || status === 'abandoned') return 'bad';
  if (status === 'running') return 'busy';
  if (status === 'rolling-back') return 'warn';
  return 'calm';
};
