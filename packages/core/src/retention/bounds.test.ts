/** Disk use is bounded: hundreds of deployments in virtual time, and what the store holds at each of them. */
import { describe, expect, it } from 'vitest';
import { DEV, deployerIn, IMAGE } from '../deployer/testbed.js';
import { unwrap } from '../domain/errors.js';
import { type MemoryWorld, memoryWorld } from '../testing/index.js';

const HOUR_MS = 3_600_000;
const settings = {
  ...{ domain: 'apps.test', ttlMs: 600_000, renewMs: 60_000, keepEvents: 200 },
  keepAuditMs: 20 * 24 * HOUR_MS,
};

/** What the store and the engine hold; logs count together, as streams and as entries. */
function sizesOf(world: MemoryWorld): Record<string, number> {
  const sizes = Object.entries(world.store.sizes());
  const logs = sizes.filter(([name]) => name.startsWith('log:'));
  return {
    ...Object.fromEntries(sizes.filter(([name]) => !name.startsWith('log:'))),
    logs: logs.length,
    'log entries': logs.reduce((sum, [, size]) => sum + size, 0),
    'images at the engine': world.engine.images.size,
  };
}

/** The greatest of each over a stretch of time. */
function greatest(samples: readonly Record<string, number>[]): Record<string, number> {
  const most: Record<string, number> = {};
  for (const sample of samples)
    for (const [name, size] of Object.entries(sample)) most[name] = Math.max(most[name] ?? 0, size);
  return most;
}

describe('what the store holds', () => {
  it('is flat once the bounds are reached, whatever becomes of the deployments', { timeout: 240_000 }, async () => {
    const world = memoryWorld();
    const keep = { history: { count: 15 }, logs: { count: 6 }, images: { count: 3 } };
    const stages = { dev: { port: 3000, maxInstances: 2 }, 'pr-*': { port: 3000, ttl: '1d' } } as const;
    const projects = { shop: { image: IMAGE, keep, stages } };
    const deployer = await deployerIn(world, { settings, worker: { group: 'blue' }, projects });
    const samples: Record<string, number>[] = [];
    // Every failure, repetition, roll back and preview comes round within one of these.
    const PERIOD = 24;
    const round = async (index: number) => {
      const at = index % PERIOD;
      const tag = `v${index}`;
      world.engine.push(`${IMAGE}:${tag}`, at % 8 === 4 ? { startFails: 'broken' } : { body: tag });
      await world.clock.until(deployer.deploy({ ...DEV, tag }));
      if (at % 6 === 1) await world.clock.until(deployer.deploy({ ...DEV, tag }));
      if (at % 12 === 5) await world.clock.until(deployer.rollBack(DEV));
      if (at % 6 === 3) await world.clock.until(deployer.deploy({ project: 'shop', stage: `pr-${index}`, tag }));
      // Ages are the wall clock's: the hours of which nothing is to be seen are skipped.
      world.clock.jump(12 * HOUR_MS);
      await world.clock.advance(130_000);
      if (index % 4 === 0) await unwrap(deployer.prune());
      samples.push(sizesOf(world));
    };
    for (let index = 0; index < 10 * PERIOD; index += 1) await round(index);
    await world.clock.until(deployer.close());
    // Four periods are a month and a half, in which everything has come to its bound.
    const [early, late] = [samples.slice(4 * PERIOD, 7 * PERIOD), samples.slice(7 * PERIOD)].map(greatest);
    // One more or less is what happens to be under way.
    for (const [name, size] of Object.entries(late ?? {}))
      expect(size, name).toBeLessThanOrEqual((early?.[name] ?? 0) + 1);
    expect(late?.['deployments']).toBeLessThan(60);
    expect(late?.['logs']).toBeLessThan(30);
    expect(late?.['images at the engine']).toBeLessThan(6);
    expect(late?.['events']).toBeLessThan(200 + 60);
    expect(late?.['leases']).toBeLessThan(25);
    expect(late?.['audit']).toBeLessThan(100);
    expect(world.engine.containers.size).toBeLessThan(5);
  });
});
