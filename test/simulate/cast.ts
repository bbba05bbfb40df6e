/** Who plays in a run, and whether all that they were asked is answered. */
import { type Asked, isOpen } from './asked.js';
import type { Host } from './host.js';
import type { SimulatedWorld } from './world.js';

/** Who plays: the hosts by name, and what they were asked. */
export interface Cast {
  readonly hosts: Map<string, Host>;
  readonly asked: Asked[];
}

/** In such steps it is looked whether everything was answered. */
const STEP_MS = 500;

/** Waits until what was asked is answered, or its host is dead. */
export async function answered(world: SimulatedWorld, { asked }: Cast, limitMs: number): Promise<boolean> {
  const { clock } = world;
  const untilMs = clock.monotonicMs() + limitMs;
  while (asked.some(isOpen) && clock.monotonicMs() < untilMs) {
    await clock.advance(STEP_MS);
    // What follows upon a close is the referee's own wait.
    for (const { id, life, request } of asked.filter(isOpen))
      if (!life.isHeld && request.kind !== 'close')
        world.report(`nothing keeps the process of ${life.name} alive, and ${id} is not answered`);
  }
  return !asked.some(isOpen);
}
