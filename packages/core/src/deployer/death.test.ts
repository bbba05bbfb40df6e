/**
 * The host dies at every commit in turn, right before it and right after it was applied. A deployer that starts later over the same store
 * recovers: it takes the stage over when the dead one's lease has run out, and settles what it left. That one may be killed too, at any
 * commit of its own; the next one goes on. Nobody has to deploy for it.
 */
import { describe, expect, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import type { RecoveryReport } from '../domain/reports.js';
import { definePlugin } from '../plugins/define.js';
import type { Plugin } from '../plugins/types.js';
import {
  brokenPromises,
  DEV,
  deployerIn,
  IMAGE,
  mortalWorld,
  push,
  quickWorld,
  settled,
  watchRoutes,
  watchTraffic,
} from './testbed.js';
import type { Deployer } from './types.js';

const FOREVER = { signal: new AbortController().signal };

/** Marks each deployment with steps on both sides of its container, and takes the marks back: none is left of one that did not succeed. */
const marking = (marks: Set<string>): Plugin =>
  definePlugin({
    name: 'marking',
    version: '1.0.0',
    setup(host) {
      for (const place of [{ before: 'create' }, { after: 'health' }] as const)
        host.step({
          ...place,
          name: `mark-${'before' in place ? 'early' : 'late'}`,
          intent: ({ deploymentId }) => deploymentId,
          async run({ runToEnd }, id) {
            marks.add(id);
            await runToEnd(['true']);
          },
          undo: (_context, id) => void marks.delete(id),
        });
      host.before('cutover', ({ sleep }) => sleep(100));
      host.after('commit', ({ log }) => log.info('It is committed.'));
    },
  });

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
  'amid the steps and hooks of a plugin': {
    stage: { port: 3000, maxInstances: 2 },
    before: ['v1', 'v2'],
    act: (deployer: Deployer) => void deployer.deploy({ ...DEV, tag: 'v3' }),
    hasGap: false,
    plugin: marking,
  },
  'visitors are told to come again': {
    stage: { port: 3000, domains: ['shop.example.com'] },
    before: ['v1'],
    act: (deployer: Deployer) => void deployer.maintenance({ ...DEV, on: true }),
    hasGap: true,
  },
  'visitors are let in again': {
    stage: { port: 3000, domains: ['shop.example.com'] },
    before: ['v1'],
    prepare: (deployer: Deployer) => deployer.maintenance({ ...DEV, on: true }),
    act: (deployer: Deployer) => void deployer.maintenance({ ...DEV, on: false }),
    hasGap: true,
  },
  'a deployment in maintenance': {
    stage: { port: 3000, domains: ['shop.example.com'] },
    before: ['v1'],
    prepare: (deployer: Deployer) => deployer.maintenance({ ...DEV, on: true }),
    act: (deployer: Deployer) => void deployer.deploy({ ...DEV, tag: 'v2' }),
    hasGap: true,
  },
  'a stage that is removed': {
    stage: { port: 3000 },
    before: ['v1', 'v2'],
    act: (deployer: Deployer) => void deployer.remove(DEV),
    hasGap: true,
  },
};

async function run(name: keyof typeof SCENARIOS, commit: number, when: 'before' | 'after') {
  const { stage, before, act, hasGap, ...more } = SCENARIOS[name];
  const world = quickWorld();
  push(world, 'v1', 'v2', 'v3', 'v9');
  const projects = { shop: { image: IMAGE, stages: { dev: stage } } };
  const marks = new Set<string>();
  const plugins = 'plugin' in more ? [more.plugin(marks)] : [];
  const doomed = mortalWorld(world, { commit, when });
  const first = await deployerIn(world, { ...doomed.ports, projects, plugins });
  for (const tag of before) await settled(world, first, tag);
  if ('prepare' in more) await world.clock.until(unwrap(more.prepare(first)));
  const traffic = hasGap ? () => [] : watchTraffic(world);
  const routes = watchRoutes(world);
  doomed.arm();
  act(first);
  await world.clock.advance(60_000);
  // It may die of closing, too.
  if (!doomed.isDead) await world.clock.until(Promise.race([first.close(), doomed.death]));
  const { isDead } = doomed;
  doomed.bury();

  // Who recovers is killed as well, now here and now there.
  const again = mortalWorld({ ...world, store: world.store.connect() }, { commit: 1 + (commit % 7), when });
  again.arm();
  const second = await deployerIn(world, { ...again.ports, projects, plugins, recover: 'manual' });
  await world.clock.until(Promise.race([second.recover(), again.death]), 600_000);
  if (!again.isDead) await world.clock.until(Promise.race([second.close(), again.death]));
  again.bury();

  const third = await deployerIn(world, { projects, plugins, recover: 'manual', store: world.store.connect() });
  const recovered = await world.clock.until(third.recover(), 600_000);
  // Its tasks were under leases of dead hosts, perhaps.
  await world.clock.advance(120_000);
  // What was only queued is nobody's without a worker: it does no harm, and is told apart here.
  const unsettled = (await brokenPromises(world)).filter((each) => !each.endsWith('is queued'));
  const next = await world.clock.until(third.deploy({ ...DEV, tag: 'v9' }), 600_000);
  await world.clock.advance(30_000);
  await world.clock.until(third.close());
  const deployments = await unwrap(world.store.connect().list('deployments', {}, FOREVER));
  const wrongly = deployments.filter(({ value }) => marks.has(value.id) && value.status !== 'succeeded');
  const broken = [
    ...wrongly.map(({ value }) => `${value.tag} is ${value.status}, and its mark is there`),
    ...traffic(),
    ...routes(),
    ...unsettled,
    ...(recovered.isErr() ? [`recover(): ${recovered.error.message}`] : said(recovered.value)),
    ...(next.isErr() ? [`the next deployment: ${next.error.message}`] : []),
    ...(world.clock.pending > 0 ? [`${world.clock.pending} timers are left`] : []),
    ...(await brokenPromises(world)).filter((each) => !each.endsWith('is queued')),
  ];
  return { broken, isDead };
}

/** What a recovery may not have to say here, where nobody else lives and everything answers. */
const said = ({ unfinished, busy, needsHost, unowned, blind }: RecoveryReport): string[] =>
  [...unfinished, ...busy, ...needsHost, ...unowned.containers, ...unowned.routes, ...blind].map(
    (each) => `recover() says ${JSON.stringify(each)}`,
  );

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
