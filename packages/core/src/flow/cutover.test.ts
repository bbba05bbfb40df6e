import { okAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { brokenPromises, DEFAULT, DEV, deployerIn, IMAGE, push, settled } from '../deployer/testbed.js';
import { memoryWorld } from '../testing/index.js';

describe('the cutover', () => {
  it.each([
    ['has ended', 'no', 'exited'],
    ['has ended and was started again', 'always', 'crash-loop'],
  ] as const)(
    'does not take a proof for that of an instance that %s: another may answer at its address',
    async (_what, restart, code) => {
      const world = memoryWorld();
      push(world, 'v1', 'v2');
      const { put } = world.proxy;
      let isArmed = false;
      // Whoever answers there by now, the proxy is content with it.
      const proxy = {
        ...world.proxy,
        put: (...args: Parameters<typeof put>) =>
          put.apply(world.proxy, args).andTee(() => {
            if (!isArmed || args[0].domain !== DEFAULT) return;
            isArmed = false;
            for (const { spec } of [...world.engine.containers.values()])
              if (spec.tag === 'v2') world.engine.kill(spec.name);
          }),
        prove: () => okAsync(undefined),
      };
      const projects = { shop: { image: IMAGE, stages: { dev: { port: 3000, restart } } } };
      const deployer = await deployerIn(world, { projects, proxy });
      await settled(world, deployer, 'v1');
      isArmed = true;
      const before = world.proxy.request(DEFAULT).instance;
      const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v2' }));
      expect(answer._unsafeUnwrapErr()).toMatchObject({ kind: 'unhealthy', code, step: 'cutover' });
      await world.clock.advance(60_000);
      expect(world.proxy.request(DEFAULT).instance).toBe(before);
      expect(await brokenPromises(world)).toEqual([]);
      await world.clock.until(deployer.close());
    },
  );

  it('does not take it either for that of one that has another address by then', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const { inspect } = world.runtime;
    let isElsewhere = false;
    const runtime: typeof world.runtime = {
      ...world.runtime,
      inspect: (...args) =>
        inspect(...args).map((container) =>
          container && isElsewhere && container.name.includes('-v2-')
            ? { ...container, endpoints: container.endpoints.map((each) => ({ ...each, host: '10.9.9.9' })) }
            : container,
        ),
    };
    const { put } = world.proxy;
    const proxy = {
      ...world.proxy,
      put: (...args: Parameters<typeof put>) =>
        put.apply(world.proxy, args).andTee(() => {
          isElsewhere = args[0].domain === DEFAULT && args[0].targets[0]?.host !== undefined;
        }),
    };
    const deployer = await deployerIn(world, { runtime, proxy });
    await settled(world, deployer, 'v1');
    isElsewhere = false;
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v2' }));
    expect(answer._unsafeUnwrapErr()).toMatchObject({ kind: 'route-unproved', step: 'cutover' });
    await world.clock.until(deployer.close());
  });
});
