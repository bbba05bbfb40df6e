/** What befalls hosts and what runs, at its time. */
import { type InstanceRecord, type MemoryContainer, stageKey } from './core.js';
import type { Life } from './life.js';
import type { Item } from './script.js';
import type { SimulatedEngine, SimulatedWorld } from './world.js';

/** @returns when it is over, as far as that is known */
export function befall(
  world: SimulatedWorld,
  lifeOf: (host: string) => Life | undefined,
  item: Exclude<Item, { kind: 'request' }>,
): number {
  const at = (atMs: number, work: () => void, ms = 0): number => {
    world.clock.after(atMs, work);
    return atMs + ms;
  };
  switch (item.kind) {
    case 'kill-at':
      return at(item.atMs, () => lifeOf(item.host)?.die(item.id));
    case 'partition':
      return at(item.atMs, () => world.cut(`${item.host} ${item.from}`, item.ms), item.ms);
    case 'outage':
      return at(item.atMs, () => world.cut(`${item.of} ${item.number}`, item.ms), item.ms);
    case 'lie':
      return at(item.atMs, () => world.lie(item.proxy, item.ms), item.ms);
    case 'wall-clock':
      return at(item.atMs, () => lifeOf(item.host)?.jumpClock(item.ms));
    case 'configure':
      return at(item.atMs, () => {
        world.version += 1;
      });
    case 'engine-restart':
      return at(item.atMs, () => {
        world.count.faults += 1;
        world.trace.say('world', () => `engine-${item.engine} is restarted`);
        world.engines[item.engine]?.engine.restart();
      });
    case 'crash':
    case 'removed-by-hand':
    case 'route-by-hand':
      return at(item.atMs, () => handOn(world, item));
    // They happen at a call, or with the asking.
    case 'kill':
    case 'stall':
    case 'hang-up':
      return 0;
    default:
      return item satisfies never;
  }
}

/** Somebody's hand, or an app's own end, on what a stage has running. */
function handOn(
  world: SimulatedWorld,
  { kind, stage, which }: Extract<Item, { kind: 'crash' | 'removed-by-hand' | 'route-by-hand' }>,
): void {
  const plan = world.script.stages[stage];
  const at = plan && world.engines[plan.engine];
  if (!plan || !at) return;
  const key = stageKey(plan.project, plan.stage);
  const mirror = world.overhearing.mirrors[plan.store];
  const instances = [...(mirror?.instances.values() ?? [])].filter(({ stageKey: of }) => of === key);
  const instance = instances[which % Math.max(1, instances.length)];
  const container = instance && at.engine.containers.get(instance.container);
  if (!instance || !container) return;
  world.count.faults += 1;
  world.trace.say('world', () => `${kind}: ${instance.id}`);
  if (kind === 'crash') at.engine.kill(container.spec.name);
  else if (kind === 'removed-by-hand') removeByHand(world, at, container);
  else routeByHand(world, at, instance);
}

function removeByHand(world: SimulatedWorld, { engine }: SimulatedEngine, container: MemoryContainer): void {
  const { name, owner } = container.spec;
  world.overhearing.lost.add(owner.deployment);
  world.overhearing.broken.add(owner.deployment);
  engine.stop(container, 137);
  engine.containers.delete(name);
  engine.emit({ type: 'removed', name, owner, exitCode: null });
}

function routeByHand(world: SimulatedWorld, { proxy }: SimulatedEngine, instance: InstanceRecord): void {
  for (const [domain, { mark, targets }] of proxy.routes) {
    if (!targets.some((target) => target.instance === instance.id)) continue;
    world.overhearing.disturbed.add(domain);
    const elsewhere = { instance: null, host: '192.0.2.7', port: 8080 };
    proxy.disturb(domain, { domain, mark, targets: [elsewhere] });
    return;
  }
}
