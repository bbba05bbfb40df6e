/**
 * The host dies at every commit in turn, right before it and right after it was applied. A deployer that starts later over the same store
 * takes the stage over when the dead one's lease has run out, settles what it left, and deploys.
 */
import { describe, expect, it } from 'vitest';
import { memoryWorld } from '../testing/index.js';
import {
  brokenPromises,
  DEV,
  deployerIn,
  IMAGE,
  mortalWorld,
  push,
  settled,
  watchRoutes,
  watchTraffic,
} from './testbed.js';
import type { Deployer } from './types.js';

const SCENARIOS = {
  'a third tag that evicts the first': {
    stage: { port: 3000, maxInstances: 2 },
    before: ['v1', 'v2'],
    act: (deployer: Deployer) => void deployer.deploy({ ...DEV, tag: 'v3' }),
    hasGap: false,
  },
  'a first deployment': {
    stage: { port: 3000 },
    before: [],
    act: (deployer: Deployer) => void deployer.deploy({ ...DEV, tag: 'v1' }),
    hasGap: true,
  },
  'the same tag again': {
    stage: { port: 3000 },
    before: ['v1'],
    act: (deployer: Deployer) => void deployer.deploy({ ...DEV, tag: 'v1', force: true }),
    hasGap: false,
  },
  'stop-first': {
    stage: { port: 3000, replace: 'stop-first' as const },
    before: ['v1'],
    act: (deployer: Deployer) => void deployer.deploy({ ...DEV, tag: 'v2' }),
    hasGap: true,
  },
  'a cutover alone': {
    stage: { port: 3000 },
    before: ['v1', 'v2'],
    act: (deployer: Deployer) => void deployer.rollBack(DEV),
    hasGap: false,
  },
  'a stage that is removed': {
    stage: { port: 3000 },
    before: ['v1', 'v2'],
    act: (deployer: Deployer) => void deployer.remove(DEV),
    hasGap: true,
  },
};

async function run(name: keyof typeof SCENARIOS, commit: number, when: 'before' | 'after') {
  const { stage, before, act, hasGap } = SCENARIOS[name];
  const world = memoryWorld();
  push(world, 'v1', 'v2', 'v3', 'v9');
  const projects = { shop: { image: IMAGE, stages: { dev: stage } } };
  const doomed = mortalWorld(world, { commit, when });
  const first = await deployerIn(world, { ...doomed.ports, projects });
  for (const tag of before) await settled(world, first, tag);
  const traffic = hasGap ? () => [] : watchTraffic(world);
  const routes = watchRoutes(world);
  doomed.arm();
  act(first);
  await world.clock.advance(300_000);
  // It may die of closing, too.
  if (!doomed.isDead) await world.clock.until(Promise.race([first.close(), doomed.death]));
  const { isDead } = doomed;
  doomed.bury();

  const second = await deployerIn(world, { projects, store: world.store.connect() });
  const next = await world.clock.until(second.deploy({ ...DEV, tag: 'v9' }), 600_000);
  await world.clock.advance(300_000);
  await world.clock.until(second.close());
  const broken = [
    ...traffic(),
    ...routes(),
    ...(next.isErr() ? [`the next deployment: ${next.error.message}`] : []),
    ...(world.clock.pending > 0 ? [`${world.clock.pending} timers are left`] : []),
    // What was only queued is nobody's without a worker: it does no harm, and is told apart here.
    ...(await brokenPromises(world)).filter((each) => !each.endsWith('is queued')),
  ];
  return { broken, isDead };
}

describe.each(Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[])('the host dies: %s', (name) => {
  it.each(['before', 'after'] as const)('%s a commit', { timeout: 60_000 }, async (when) => {
    const found: string[] = [];
    let commit = 1;
    for (; ; commit += 1) {
      const { broken, isDead } = await run(name, commit, when).catch((thrown: unknown) => ({
        broken: [`stuck: ${thrown}`],
        isDead: true,
      }));
      if (broken.length > 0) found.push(`commit ${commit}: ${broken.join(' | ')}`);
      if (!isDead) break;
    }
    expect(commit).toBeGreaterThan(3);
    expect(found).toEqual([]);
  });
});
