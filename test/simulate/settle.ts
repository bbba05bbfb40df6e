/**
 * The dust settles: nothing goes wrong any more, and everything that was begun comes to its end, by those who live, by those who are started
 * again, and, where that is not enough, by a host that comes last.
 */

import { type Asked, isOpen } from './asked.js';
import { answered, type Cast } from './cast.js';
import { isTerminal } from './core.js';
import { Host } from './host.js';
import { GOOD_TAG, type HostPlan } from './script.js';
import type { SimulatedWorld } from './world.js';

/** How long, in virtual time, what was asked for may take once nothing goes wrong any more. */
const LIMIT_MS = 600_000;
/** How long those who live have to come to an end of all that was begun, before the last host comes. */
const LIVING_MS = 20_000;
const STEP_MS = 500;
/** What was started again last answers when its app listens: so long one takes at most. */
const LISTENING_MS = 10_000;
/** How long what was put off may take: a host whose clock is ahead puts off for that long. */
const PATIENCE_MS = 3 * 3_600_000;

export async function settle(world: SimulatedWorld, cast: Cast): Promise<void> {
  const { clock, script } = world;
  for (const { life } of cast.hosts.values()) life.resume();
  if (!(await answered(world, cast, LIMIT_MS)))
    for (const each of cast.asked)
      if (isOpen(each) && !followsTheDead(world, cast, each))
        world.report(`${each.life.name} never answered ${each.id}`);
  // What the dead have sent is under way for so long: before it has arrived, nobody can tell what there is to end.
  if (world.count.kills > 0) await clock.advance(script.timing.absentForMs);
  for (let store = 0; store < script.stores; store += 1) await ended(world, store, LIVING_MS);
  for (const host of cast.hosts.values()) await clock.until(host.close('finish'), LIMIT_MS);
  for (let store = 0; store < script.stores; store += 1)
    for (let engine = 0; engine < script.engines; engine += 1) await tidyUp(world, cast, store, engine);
  await clock.advance(LISTENING_MS);
}

/**
 * Whether it follows a deployment that nobody ends: whoever ran it is dead, and all who live take up what the dead have left only when they
 * are asked to. The last host is; that it ends the deployment is looked for after that.
 */
function followsTheDead(world: SimulatedWorld, { hosts }: Cast, { follows, life }: Asked): boolean {
  const { store } = life.plan;
  const followed = world.overhearing.mirrors[store]?.deployments.get(follows ?? '');
  if (!followed || isTerminal(followed.status)) return false;
  const living = [...hosts.values()].filter((host) => host.plan.store === store && !host.life.isDead && !host.isClosed);
  return living.every(
    ({ plan, life: { deployerId } }) => plan.recovers === 'manual' && !plan.watches && deployerId !== followed.host,
  );
}

/** Whether all that was begun has ended: nothing is queued, running, to be undone or to be done. */
function isEnded(world: SimulatedWorld, store: number): boolean {
  const mirror = world.overhearing.mirrors[store];
  if (!mirror) return true;
  for (const { status } of mirror.deployments.values()) if (!isTerminal(status)) return false;
  for (const { kind } of mirror.tasks.values()) if (kind !== 'notify') return false;
  return mirror.journals.size === 0;
}

async function ended(world: SimulatedWorld, store: number, limitMs: number): Promise<boolean> {
  const { clock } = world;
  for (let waitedMs = 0; waitedMs < limitMs && !isEnded(world, store); ) {
    // First in small steps; what was put off for long is waited for in long ones.
    const stepMs = waitedMs < 60_000 ? STEP_MS : 60_000;
    await clock.advance(stepMs);
    waitedMs += stepMs;
  }
  return isEnded(world, store);
}

/** Whether a route was taken off because its instance did not run just then: it comes back when somebody watches, or recovers. */
function hasRouteTakenOff(world: SimulatedWorld, store: number): boolean {
  const routes = [...(world.overhearing.mirrors[store]?.routes.values() ?? [])];
  return routes.some(({ state, instance, target }) => state === 'live' && instance !== null && target === null);
}

/** A host that nothing happens to, over the same store and engine. */
async function tidyUp(world: SimulatedWorld, { hosts }: Cast, store: number, engine: number): Promise<void> {
  const { clock, script } = world;
  const own = script.stages.filter((stage) => stage.store === store && stage.engine === engine);
  const { broken, disturbed } = world.overhearing;
  const isDisturbed = broken.size + disturbed.size > 0 || hasRouteTakenOff(world, store);
  if (own.length === 0 || (isEnded(world, store) && !script.deploysInTheEnd && !isDisturbed)) return;
  const plan: HostPlan = {
    name: `last${store}${engine}`,
    kind: 'service',
    store,
    engine,
    wallMs: 0,
    beganMs: 0,
    rate: 1,
    hasKey: true,
    group: `workers-${engine}`,
    recovers: 'manual',
    watches: isDisturbed ? 'put-back' : null,
    notifies: script.hosts.some((host) => host.store === store && host.notifies),
    restartAfterMs: 0,
  };
  const host = new Host(world, plan);
  hosts.set(plan.name, host);
  const deployer = await clock.until(host.ready, LIMIT_MS);
  if (!deployer) return world.report('the last host never started');
  const recovered = await clock.until(deployer.recover(), LIMIT_MS);
  if (recovered.isErr()) world.report(`the last recovery: ${recovered.error.kind}: ${recovered.error.message}`);
  if (script.deploysInTheEnd) {
    for (const { project, stage } of own) {
      const deployed = await clock.until(deployer.deploy({ project, stage, tag: GOOD_TAG }), LIMIT_MS);
      if (deployed.isErr())
        world.report(`the last deployment of ${project}/${stage}: ${deployed.error.kind}: ${deployed.error.message}`);
    }
  }
  await ended(world, store, PATIENCE_MS);
  // A watcher looks twice before it starts again what has ended, and waits for the lease of one that died while it healed.
  const { effectTimeoutMs, ttlMs } = script.timing;
  if (isDisturbed) await clock.advance(10_000 + ttlMs + effectTimeoutMs);
  await clock.until(host.close('finish'), LIMIT_MS);
}
