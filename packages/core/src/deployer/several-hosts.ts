/** For tests of several hosts over one store: what testbed.ts has, for more than one. Only tests import it. */
import type { ResultAsync } from 'neverthrow';
import { unwrap } from '../domain/errors.js';
import { EVENT_STREAM, type StoredEvent, TERMINAL_EVENTS } from '../events/types.js';
import type { CallOptions } from '../ports/call.js';
import { type MemoryWorld, memoryWorld } from '../testing/index.js';
import { brokenPromises, deployerIn, IMAGE } from './testbed.js';
import type { DeployError, Deployer, DeployerOptions } from './types.js';

export const forever: CallOptions = { signal: new AbortController().signal };

/** A world in which a deployment of any of the tags takes two seconds. */
export function slowWorld(...tags: readonly string[]): MemoryWorld {
  const world = memoryWorld();
  for (const tag of tags) world.engine.push(`${IMAGE}:${tag}`, { listensAfterMs: 2_000, body: tag });
  return world;
}

/** One more process that shares the world's store. */
export const another = (world: MemoryWorld, options: Partial<DeployerOptions> = {}) =>
  deployerIn(world, { store: world.store.connect(), ...options });

/** Closes them all. The answer is what must be empty: timers that are left, and promises that do not hold. */
export async function closeAll(world: MemoryWorld, ...deployers: readonly Deployer[]): Promise<string[]> {
  for (const deployer of deployers) await world.clock.until(deployer.close());
  const { pending } = world.clock;
  return [...(pending > 0 ? [`${pending} timers are left`] : []), ...(await brokenPromises(world))];
}

export const errorOf = async (world: MemoryWorld, answer: ResultAsync<unknown, DeployError>): Promise<DeployError> =>
  (await world.clock.until(answer))._unsafeUnwrapErr();

/** How deployments have ended, in that order. */
export async function ends(world: MemoryWorld): Promise<string[]> {
  const entries = await unwrap(world.store.connect().read(EVENT_STREAM, { after: 0 }, forever));
  return entries
    .map(({ value }) => value as unknown as StoredEvent)
    .flatMap(({ type, payload }) =>
      (TERMINAL_EVENTS as readonly string[]).includes(type) && 'deployment' in payload
        ? [`${payload.deployment.tag} ${payload.deployment.status}`]
        : [],
    );
}

export async function logOf(deployer: Deployer, id: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const { message } of deployer.logs(id)) lines.push(message);
  return lines;
}
