/** The metrics of the catalogue in a registry of prom-client. */
import { Counter, Gauge, Histogram } from 'prom-client';
import {
  ACTIVE_STATUSES,
  BUCKETS_S,
  CONDITIONS,
  COUNTERS,
  type CounterName,
  GAUGES,
  type GaugeName,
  HISTOGRAMS,
  type HistogramName,
  INSTANCE_STATES,
  TASK_KINDS,
} from './catalogue.js';
import type { Meter } from './observe.js';
import type { AnyRegistry } from './options.js';
import type { State } from './state.js';

type Of<Names extends string, Metric> = { readonly [Name in Names]: Metric };

export function meterIn(registry: AnyRegistry, prefix: string): Meter {
  const registers = [registry];
  const counters = made(
    COUNTERS,
    (name, help, labelNames) => new Counter({ name: `${prefix}${name}`, help, labelNames, registers }),
  ) as Of<CounterName, Counter>;
  const histograms = made(
    HISTOGRAMS,
    (name, help, labelNames) =>
      new Histogram({ name: `${prefix}${name}`, help, labelNames, registers, buckets: [...BUCKETS_S] }),
  ) as Of<HistogramName, Histogram>;
  // As the first 0 of each deployment's counters: a rate needs one before the first failure.
  for (const kind of TASK_KINDS) counters.task_failures_total.inc({ kind }, 0);
  return {
    count: (name, labels = {}, by = 1) => counters[name].inc(labels, by),
    measure: (name, labels, ms) => histograms[name].observe(labels, Math.max(0, ms) / 1_000),
  };
}

/** Registers the gauges: each asks for the state when it is scraped. */
export function gaugesIn(registry: AnyRegistry, prefix: string, stateNow: () => Promise<State | undefined>): void {
  made(GAUGES, (name, help, labelNames) => {
    return new Gauge({
      name: `${prefix}${name}`,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const state = await stateNow();
        this.reset();
        // Without labels a reset leaves a 0 that would be believed.
        if (labelNames.length === 0) this.remove();
        for (const [labels, value] of valuesOf(name as GaugeName, state)) this.set(labels, value);
      },
    });
  });
}

type Values = readonly (readonly [labels: Record<string, string>, value: number])[];

function valuesOf(name: GaugeName, state: State | undefined): Values {
  if (name === 'state_up') return [[{}, state ? 1 : 0]];
  if (!state) return [];
  const by = (label: string, counts: ReadonlyMap<string, number>, keys: readonly string[] = []): Values =>
    [...new Set([...keys, ...counts.keys()])].map((key) => [{ [label]: key }, counts.get(key) ?? 0]);
  switch (name) {
    case 'deployments_active':
      return by('status', state.active, ACTIVE_STATUSES);
    case 'queue_oldest_timestamp_seconds':
      return state.oldestQueuedAt === undefined ? [] : [[{}, state.oldestQueuedAt / 1_000]];
    case 'leases':
      return by('kind', state.leases);
    case 'tasks_pending':
      return by('kind', state.tasks);
    case 'tasks_failing':
      return by('kind', state.failing);
    case 'notifications_pending':
      return by('notifier', state.notifications);
    case 'instances':
      return by('state', state.instances, INSTANCE_STATES);
    case 'instance_conditions':
      return by('condition', state.conditions, CONDITIONS);
    case 'hosts':
      return [[{}, state.hosts]];
  }
}

type Entry = readonly [help: string, labels: readonly string[]];

const made = <Metric>(
  catalogue: { readonly [name: string]: Entry },
  make: (name: string, help: string, labelNames: string[]) => Metric,
): Record<string, Metric> =>
  Object.fromEntries(Object.entries(catalogue).map(([name, [help, labels]]) => [name, make(name, help, [...labels])]));
