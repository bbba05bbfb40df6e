/** What test files alone share: benches drive a HAProxy too, and have no test runner. */
import type { Route, Target } from '@quayside/core/ports';
import { afterEach } from 'vitest';
import { openWorld, STORE_ID, type World } from './world.js';

/** Opens worlds for the tests of one file: closed after each of them. */
export function useWorlds(): (...given: Parameters<typeof openWorld>) => Promise<World> {
  const worlds: World[] = [];
  afterEach(async () => {
    for (const opened of worlds.splice(0)) await opened.close();
  });
  return async (...given) => {
    const opened = await openWorld(...given);
    worlds.push(opened);
    return opened;
  };
}

export const route = (name: string, ...targets: readonly Target[]): Route => ({
  domain: `${name}.apps.test`,
  mark: `${STORE_ID}-${name}`,
  targets: targets.map(({ instance, host, port, weight }) => ({
    instance,
    host,
    port,
    ...(weight === undefined ? {} : { weight }),
  })),
  options: null,
});
