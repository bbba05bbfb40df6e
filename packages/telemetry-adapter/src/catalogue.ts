/**
 * Every metric that there is, in one place: the code that counts, the page that explains and the dashboard that draws all go by it.
 * Names without the prefix. Units are in the names, as Prometheus wants it: seconds, and `_total` for what only grows.
 */

/** Of the events of this process, counted from its start. */
export const COUNTERS = {
  deployments_total: ['Deployments that ended.', ['project', 'stage', 'kind', 'status']],
  rollbacks_total: [
    'Deployments that are undone (automatic), and rolls back that succeeded (requested).',
    ['project', 'stage', 'type'],
  ],
  instances_retired_total: ['Instances that are gone.', ['project', 'stage', 'reason']],
  task_failures_total: ['Tries of a retire, an undo, an unroute, a hold or a notification that failed.', ['kind']],
  routes_healed_total: ['Routes that lead to their instance again, as it had got another address.', []],
  routes_changed_total: ['Routes that somebody else has changed or removed at the proxy.', []],
  watch_interruptions_total: ["Times that the engine's events could not be followed.", []],
  listener_failures_total: ['Listeners and plugins that threw.', []],
} as const satisfies Catalogue;

export const HISTOGRAMS = {
  deployment_duration_seconds: ['From the start of a deployment to its end.', ['project', 'stage', 'status']],
  queue_wait_seconds: ['From the request to the start of its deployment.', ['project', 'stage']],
  step_duration_seconds: ['A step of a deployment, without its undo.', ['project', 'step', 'status']],
  health_wait_seconds: ['What a new instance took to be healthy, or not to be.', ['project', 'stage', 'status']],
} as const satisfies Catalogue;

/** Of what the store holds now, of every process that shares it. */
export const GAUGES = {
  state_up: ['Whether the store could be read for the gauges: 1 or 0; without it they are absent.', []],
  deployments_active: ['Deployments that wait (queued), run (running) or are undone (rolling-back).', ['status']],
  queue_oldest_timestamp_seconds: ['When the oldest of those that wait was asked for; absent where none waits.', []],
  leases: ['Leases that are held.', ['kind']],
  tasks_pending: ['Tasks that are still to be done.', ['kind']],
  tasks_failing: ['Those of them that have failed at least once.', ['kind']],
  notifications_pending: ['Messages that a notifier could not be told yet.', ['notifier']],
  instances: ['Instances that run, or retire.', ['state']],
  instance_conditions: ['Instances with which something is wrong, as watch() sees it.', ['condition']],
  hosts: ['Deployers that have submitted something or work for others, and were not given up yet.', []],
} as const satisfies Catalogue;

type Catalogue = { readonly [name: string]: readonly [help: string, labels: readonly string[]] };
export type CounterName = keyof typeof COUNTERS;
export type HistogramName = keyof typeof HISTOGRAMS;
export type GaugeName = keyof typeof GAUGES;

/** A cutover takes milliseconds, a pull or a slow start minutes. Seconds. */
export const BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1_800] as const;

export const ACTIVE_STATUSES = ['queued', 'running', 'rolling-back'] as const;
export const TASK_KINDS = ['retire', 'undo', 'unroute', 'hold', 'notify'] as const;
export const LEASE_KINDS = ['stage', 'instance', 'domain', 'proxy', 'notifier', 'other'] as const;
export const INSTANCE_STATES = ['running', 'retiring'] as const;
export const CONDITIONS = ['unhealthy', 'crash-looping', 'down', 'lost'] as const;
