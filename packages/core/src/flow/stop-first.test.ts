import { ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { brokenPromises, DEFAULT, DEV, deployerIn, IMAGE, push, settled } from '../deployer/testbed.js';
import { type MemoryWorld, memoryWorld } from '../testing/index.js';

/** A runtime whose stop takes until the app gives in, as an engine's does; a second stop of the same container waits for the first. */
function slowToStop(world: MemoryWorld, exitMs: number) {
  const exiting = new Map<string, Promise<void>>();
  const { runtime } = world;
  return {
    ...runtime,
    stop: (...[ref, options]: Parameters<typeof runtime.stop>) => {
      const ended =
        exiting.get(ref.name) ?? new Promise<void>((resolve) => world.clock.after(exitMs, resolve)).then(() => {});
      exiting.set(ref.name, ended);
      // The engine goes on with it, whoever has hung up.
      const { signal } = new AbortController();
      return ResultAsync.fromSafePromise(ended).andThen(() => runtime.stop(ref, { ...options, signal }));
    },
  };
}

describe('stop-first', () => {
  it('a stop that was given up does not end the instance that undo has started again', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const projects = {
      shop: { image: IMAGE, stages: { dev: { port: 3000, replace: 'stop-first' as const, stopGrace: '1s' as const } } },
    };
    // The stop is given up after its grace and the limit of an effect, 16 s; the engine is at it for 20 s.
    const deployer = await deployerIn(world, { projects, runtime: slowToStop(world, 20_000) });
    await settled(world, deployer, 'v1');
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v2' }));
    expect(answer._unsafeUnwrapErr()).toMatchObject({ kind: 'timeout', step: 'stop-previous' });
    await world.clock.advance(120_000);
    expect(world.proxy.request(DEFAULT).status).toBe(200);
    expect(await brokenPromises(world)).toEqual([]);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });

  it('tells of its gap beforehand, and starts the old one again where the new one fails', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    world.engine.push(`${IMAGE}:bad`, { listensAfterMs: null, exitsAfterMs: 50, exitCode: 2 });
    const projects = {
      shop: {
        image: IMAGE,
        stages: {
          dev: {
            port: 3000,
            replace: 'stop-first' as const,
            mounts: [{ type: 'volume' as const, source: 'data', target: '/data' }],
          },
        },
      },
    };
    const deployer = await deployerIn(world, { projects });
    await settled(world, deployer, 'v1');
    const before = world.proxy.request(DEFAULT).instance;
    const plan = await world.clock.until(deployer.plan({ ...DEV, tag: 'bad' }));
    expect(plan._unsafeUnwrap()).toMatchObject({ gap: true, action: 'create' });
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'bad' }));
    expect(answer._unsafeUnwrapErr()).toMatchObject({ kind: 'unhealthy', deployment: { cleanup: 'none' } });
    expect(world.proxy.request(DEFAULT)).toEqual({ status: 200, instance: before });
    expect(await brokenPromises(world)).toEqual([]);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });
});
