import type { InstanceRecord } from './records.js';

/**
 * Which instances go after a cutover: those beyond `maxInstances`, the one that the default route left longest ago first.
 * Never the current one, never its predecessor within `rollbackWindowMs`, never one that is pinned. Pure: it decides, and
 * the commit acts on it.
 */
export function planEviction(input: {
  /** All that run, the new one included; those that retire already do not count. */
  readonly instances: readonly Pick<InstanceRecord, 'id' | 'state' | 'defaultOrder' | 'defaultUntil'>[];
  readonly current: string;
  readonly maxInstances: number;
  readonly rollbackWindowMs: number;
  /** Wall clock. */
  readonly now: number;
  readonly pinned?: ReadonlySet<string>;
}): readonly string[] {
  const running = input.instances.filter((instance) => instance.state === 'running');
  const surplus = running.length - input.maxInstances;
  if (surplus <= 0) return [];
  const byAge = running
    .filter((instance) => instance.id !== input.current)
    .sort((a, b) => a.defaultOrder - b.defaultOrder || (a.id < b.id ? -1 : 1));
  const predecessor = byAge.at(-1);
  const isWithinWindow = (instance: (typeof byAge)[number]) =>
    instance === predecessor &&
    input.rollbackWindowMs > 0 &&
    input.now - (instance.defaultUntil ?? input.now) < input.rollbackWindowMs;
  return byAge
    .filter((instance) => !isWithinWindow(instance) && !input.pinned?.has(instance.id))
    .slice(0, surplus)
    .map((instance) => instance.id);
}
