/** What is done before its turn, so that a deployment does not take longer than it must: and that it is done no earlier than it may. */
import { describe, expect, it } from 'vitest';
import { DEV, deployerIn, IMAGE, push, settled } from '../deployer/testbed.js';
import { unwrap } from '../domain/errors.js';
import type { Store } from '../ports/store.js';
import { type MemoryWorld, memoryWorld } from '../testing/index.js';

const FOREVER = { signal: new AbortController().signal };

describe('what a tag means', () => {
  it('is asked for while the lease is taken', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const order: string[] = [];
    const store: Store = {
      ...world.store,
      commit(changes, options) {
        if (changes.some((change) => change.op === 'insert' && change.collection === 'leases')) order.push('lease');
        return world.store.commit(changes, options);
      },
    };
    const registry: MemoryWorld['registry'] = {
      ...world.registry,
      resolve(reference, options) {
        order.push('resolve');
        return world.registry.resolve(reference, options);
      },
    };
    const deployer = await deployerIn(world, { store, registry });
    await settled(world, deployer, 'v1');
    expect(order.slice(0, 2)).toEqual(['resolve', 'lease']);
    expect(order.filter((each) => each === 'resolve')).toHaveLength(1);
    await world.clock.until(deployer.close());
  });

  it('is asked for again after somebody else had the stage', async () => {
    const world = memoryWorld();
    world.engine.push(`${IMAGE}:v1`, { listensAfterMs: 4_000 });
    world.engine.push(`${IMAGE}:latest`, { body: 'old' });
    const first = await deployerIn(world);
    const second = await deployerIn(world, { store: world.store.connect() });
    const running = first.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(500);
    const waiting = second.deploy({ ...DEV, tag: 'latest' });
    await world.clock.advance(1_000);
    world.engine.push(`${IMAGE}:latest`, { body: 'new' });
    const { digest } = await unwrap(world.registry.resolve(`${IMAGE}:latest`, FOREVER));
    await world.clock.until(unwrap(running));
    expect(await world.clock.until(unwrap(waiting))).toMatchObject({ status: 'succeeded', digest });
    await world.clock.until(first.close());
    await world.clock.until(second.close());
    expect(world.clock.pending).toBe(0);
  });
});
