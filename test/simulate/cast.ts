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
export async function answered({ clock }: SimulatedWorld, { asked }: Cast, limitMs: number): Promise<boolean> {
  const untilMs = clock.monotonicMs() + limitMs;
  while (asked.some(isOpen) && clock.monotonicMs() < untilMs) await clock.advance(STEP_MS);
  return !asked.some(isOpen);
}
