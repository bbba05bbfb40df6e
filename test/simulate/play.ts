/**
 * Plays a script: starts the hosts, lets everything happen that is written there, lets the dust settle, and says which promises are
 * broken. The same script is the same run, bit for bit.
 */

import { brokenAnswers } from './answers.js';
import { ask } from './asked.js';
import { befall } from './befall.js';
import { answered, type Cast } from './cast.js';
import { loadAll } from './core.js';
import { Host } from './host.js';
import type { Life } from './life.js';
import { brokenPromises } from './promises.js';
import type { Item, Script } from './script.js';
import { settle } from './settle.js';
import { type Given, SimulatedWorld } from './world.js';

export interface Played {
  readonly broken: readonly string[];
  readonly faults: number;
  readonly kills: number;
  /** The same for the same run. */
  readonly hash: string;
  readonly lines: readonly string[];
  /** Everything by name that a shorter run might do without. */
  readonly parts: readonly string[];
}

export async function play(script: Script, given: Given = {}): Promise<Played> {
  // Ahead of all: a run waits for nothing but its own clock.
  await loadAll();
  const world = new SimulatedWorld(script, given);
  try {
    await playIn(world);
  } catch (thrown) {
    world.report(`stuck: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : thrown}`);
  }
  return {
    broken: world.broken,
    faults: world.count.faults,
    kills: world.count.kills,
    hash: world.trace.hash,
    lines: world.trace.lines,
    parts: [...world.items.map(({ id }) => id), ...world.struck],
  };
}

async function playIn(world: SimulatedWorld): Promise<void> {
  const { clock, script, items } = world;
  const cast: Cast = { hosts: new Map(), asked: [] };
  world.deaths.push((life) => startAgain(world, cast, life));
  for (const plan of script.hosts) if (plan.kind === 'service') cast.hosts.set(plan.name, new Host(world, plan));
  let endMs = 0;
  for (const item of items) endMs = Math.max(endMs, schedule(world, cast, item));
  await clock.advance(endMs);
  await answered(world, cast, script.timing.ttlMs * 6);
  world.calm();
  await settle(world, cast);
  for (const broken of [...(await brokenPromises(world)), ...brokenAnswers(world, cast.asked)]) world.report(broken);
}

/** As a process manager does it. */
function startAgain(world: SimulatedWorld, { hosts }: Cast, life: Life): void {
  const host = hosts.get(life.plan.name);
  if (host?.life !== life || life.plan.kind !== 'service') return;
  world.clock.after(life.plan.restartAfterMs, () => {
    if (host.life === life) host.again();
  });
}

/** @returns when it is over, as far as that is known */
function schedule(world: SimulatedWorld, cast: Cast, item: Item): number {
  const { clock, script } = world;
  if (item.kind !== 'request') return befall(world, (name) => cast.hosts.get(name)?.life, item);
  clock.after(item.atMs, () => {
    const plan = script.hosts.find(({ name }) => name === item.host);
    if (!plan) return;
    const host = cast.hosts.get(plan.name) ?? new Host(world, plan);
    cast.hosts.set(plan.name, host);
    void ask(world, host, item, cast.asked);
  });
  return item.atMs;
}
