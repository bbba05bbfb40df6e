import { describe, expect, it } from 'vitest';
import { DEV, deployerIn, IMAGE, push } from '../deployer/testbed.js';
import { unwrap } from '../domain/errors.js';
import { memoryWorld } from '../testing/index.js';

async function opened(drain: '10s' | 0) {
  const world = memoryWorld();
  push(world, 'v1', 'v2');
  const stages = { dev: { port: 3000, maxInstances: 1, drain }, qa: { port: 3000, maxInstances: 1, drain } };
  const deployer = await deployerIn(world, { projects: { shop: { image: IMAGE, stages } } });
  const deploy = (stage: 'dev' | 'qa', tag: string, force = false) =>
    world.clock.until(unwrap(deployer.deploy({ ...DEV, stage, tag, force })));
  const running = (stage: string) =>
    [...world.engine.containers.keys()].filter((name) => name.includes(`-${stage}-`)).length;
  await deploy('dev', 'v1');
  await world.clock.advance(20_000);
  return { ...world, deployer, deploy, running };
}

describe('the container that a cutover leaves', () => {
  it('is stopped when a second has passed since traffic moved, though nothing is in flight', async () => {
    const { clock, deployer, deploy, running } = await opened('10s');
    await deploy('dev', 'v2');
    await clock.advance(800);
    expect(running('dev')).toBe(2);
    await clock.advance(400);
    expect(running('dev')).toBe(1);
    await deployer.close();
  });

  it('is stopped at once where the stage says that nothing is waited for', async () => {
    const { clock, deployer, deploy, running } = await opened(0);
    await deploy('dev', 'v2');
    await clock.advance(100);
    expect(running('dev')).toBe(1);
    await deployer.close();
  });

  it('waits for other stages too, and not for ever for one that is deployed without a pause', async () => {
    const { clock, deployer, deploy, running } = await opened('10s');
    await deploy('dev', 'v2');
    const startMs = clock.monotonicMs();
    let goneMs = 0;
    while (goneMs === 0 && clock.monotonicMs() - startMs < 30_000) {
      await deploy('qa', 'v1', true);
      await clock.advance(300);
      if (running('dev') === 1) goneMs = clock.monotonicMs() - startMs;
    }
    expect(goneMs).toBeGreaterThan(9_000);
    expect(goneMs).toBeLessThan(13_000);
    await clock.until(deployer.close());
  });
});
