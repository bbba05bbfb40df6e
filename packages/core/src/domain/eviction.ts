import type { InstanceRecord } from './records.js';

type Known = Pick<InstanceRecord, 'id' | 'tag' | 'state' | 'defaultOrder' | 'defaultUntil'>;

/**
 * What a commit does to a stage's other instances: the one that the default route leaves is told so, the one of the same tag is
 * replaced, and what is too many is evicted. Those that retire already do not count.
 */
export function planGoing<Instance extends Known>(input: {
  readonly instances: readonly Instance[];
  /** The instance that the default route comes to, and the one that it comes from. */
  readonly target: string;
  readonly before: string | null;
  readonly tag: string;
  readonly commits: number;
  readonly maxInstances: number;
  readonly rollbackWindowMs: number;
  /** Wall clock. */
  readonly now: number;
  /** None of these is evicted; one of the same tag is replaced all the same. */
  readonly pinned: ReadonlySet<string>;
}): {
  readonly left: Instance | undefined;
  readonly going: readonly { readonly instance: Instance; readonly reason: 'replaced' | 'evicted' }[];
} {
  const { target, before, tag, commits: defaultOrder, now } = input;
  let left: Instance | undefined;
  const others = input.instances.flatMap((each) => {
    if (each.id === target) return [];
    if (each.id !== before) return [each];
    left = { ...each, defaultUntil: now, defaultOrder };
    return [left];
  });
  const running = others.filter((each) => each.state === 'running');
  const current = { id: target, state: 'running' as const, defaultOrder, defaultUntil: null };
  const staying = running.filter((each) => each.tag !== tag);
  const evicted = planEviction({ ...input, instances: [...staying, current], current: target });
  const going = running
    .filter((each) => each.tag === tag || evicted.includes(each.id))
    .map((instance) => ({ instance, reason: instance.tag === tag ? ('replaced' as const) : ('evicted' as const) }));
  return { left, going };
}

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
  readonly pinned: ReadonlySet<string>;
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
    .filter((instance) => !isWithinWindow(instance) && !input.pinned.has(instance.id))
    .slice(0, surplus)
    .map((instance) => instance.id);
}
