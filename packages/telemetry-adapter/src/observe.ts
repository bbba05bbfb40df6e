/**
 * Counts what this process's events tell. Of a deployment everything is counted once, at its end, from what its record says: it may have
 * been begun by another process, which died.
 */
import { type Deployment, type EventName, type Listener, type StepRecord, TERMINAL_EVENTS } from '@quayside/core/ports';
import type { CounterName, HistogramName } from './catalogue.js';
import type { Labels } from './labels.js';

/** A deployer, or the host of a plugin: whatever tells of this process's events. */
export interface Observable {
  on<Name extends EventName>(name: Name, listener: Listener<Name>): (() => void) | void;
}

/** Where it is counted. */
export interface Meter {
  /** @param by default 1; 0 makes the series appear */
  count(name: CounterName, labels?: Record<string, string>, by?: number): void;
  /** @param ms is shown in seconds */
  measure(name: HistogramName, labels: Record<string, string>, ms: number): void;
}

/** @returns stops it, where the source can be left again */
export function observe(source: Observable, meter: Meter, labels: Labels): () => void {
  // A series that appears with its first failure has had no 0 before it, and a rate over it misses that failure.
  const expect = (deployment: Deployment) => {
    const about = labels.of(deployment);
    for (const name of TERMINAL_EVENTS)
      meter.count(
        'deployments_total',
        { ...about, kind: deployment.kind, status: name.slice('deployment.'.length) },
        0,
      );
    meter.count('rollbacks_total', { ...about, type: 'automatic' }, 0);
  };
  const offs = [
    source.on('deployment.queued', ({ deployment }) => expect(deployment)),
    ...TERMINAL_EVENTS.map((name) => source.on(name, ({ deployment }) => ended(deployment, meter, labels))),
    source.on('deployment.started', ({ deployment }) => {
      expect(deployment);
      const { startedAt, queuedAt } = deployment;
      if (startedAt !== null) meter.measure('queue_wait_seconds', labels.of(deployment), startedAt - queuedAt);
    }),
    source.on('deployment.rolling-back', ({ deployment }) =>
      meter.count('rollbacks_total', { ...labels.of(deployment), type: 'automatic' }),
    ),
    source.on('deployment.succeeded', ({ deployment }) => {
      if (deployment.kind === 'rollback')
        meter.count('rollbacks_total', { ...labels.of(deployment), type: 'requested' });
    }),
    source.on('instance.retired', ({ instance, reason }) =>
      meter.count('instances_retired_total', { ...labels.of(instance), reason }),
    ),
    source.on('task.failed', ({ kind }) => meter.count('task_failures_total', { kind })),
    source.on('route.healed', () => meter.count('routes_healed_total')),
    source.on('route.changed', () => meter.count('routes_changed_total')),
    source.on('watch.interrupted', () => meter.count('watch_interruptions_total')),
    source.on('listener.failed', () => meter.count('listener_failures_total')),
  ];
  return () => {
    for (const off of offs) off?.();
  };
}

function ended(deployment: Deployment, meter: Meter, labels: Labels): void {
  const { kind, status, durationMs, steps } = deployment;
  const about = labels.of(deployment);
  meter.count('deployments_total', { ...about, kind, status });
  if (durationMs !== null) meter.measure('deployment_duration_seconds', { ...about, status }, durationMs);
  for (const step of steps) {
    if (step.durationMs === null) continue;
    const outcome = outcomeOf(step, deployment);
    const ofStep = { project: about.project, step: labels.step(step.name), status: outcome };
    meter.measure('step_duration_seconds', ofStep, step.durationMs);
    if (step.name === 'health') meter.measure('health_wait_seconds', { ...about, status: outcome }, step.durationMs);
  }
}

/** A step that failed and was undone says `undone`; the deployment's error tells which it was. */
export function outcomeOf({ name, status }: StepRecord, { error }: Deployment): StepRecord['status'] {
  return status === 'undone' && error?.step === name ? 'failed' : status;
}
