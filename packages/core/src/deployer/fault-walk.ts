/**
 * The fault walk: the n-th call of every method of every port fails, for all n, until a run outlives it. Whatever became of the
 * deployment: afterwards the promises hold, at the engine and at the proxy.
 *
 * `WALK=full npx vitest run faults` walks every scenario with every fault; by default each has the one that hurts most, and the main one
 * most of them. Only tests import it.
 */
import type { ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import type { ProjectOptions } from '../config/options.js';
import type { AnyError } from '../domain/errors.js';
import type { Fault, MemoryWorld } from '../testing/index.js';
import {
  brokenPromises,
  DEV,
  deployerIn,
  FAULTY_PORTS,
  faultyWorld,
  IMAGE,
  mortalWorld,
  push,
  type Strike,
  settled,
  watchRoutes,
  watchTraffic,
} from './testbed.js';
import type { Deployer, DeployerOptions } from './types.js';

type Stage = ProjectOptions['stages'][string];

interface Scenario {
  readonly stage?: Stage;
  readonly before: readonly string[];
  /** What the stage is configured to be when it acts. */
  readonly changedTo?: Stage;
  act(deployer: Deployer, world: MemoryWorld): ResultAsync<unknown, AnyError> | Promise<unknown>;
  /** Beside what the stage is. */
  readonly options?: Partial<DeployerOptions>;
  /** `stop-first` and a removal have gaps by nature, a first deployment has no traffic yet. */
  readonly hasGap?: boolean;
}

const deploy =
  (tag: string, force = false) =>
  (deployer: Deployer) =>
    deployer.deploy({ ...DEV, tag, force });

const SCENARIOS: { readonly [name: string]: Scenario } = {
  'a third tag that evicts the first': { before: ['v1', 'v2'], act: deploy('v3') },
  'a first deployment': { before: [], act: deploy('v1'), hasGap: true },
  'the same tag again': { before: ['v1'], act: deploy('v1', true) },
  'stop-first': {
    stage: { port: 3000, replace: 'stop-first' },
    before: ['v1'],
    act: deploy('v2'),
    hasGap: true,
  },
  'a cutover alone': { before: ['v1', 'v2'], act: (deployer) => deployer.rollBack(DEV) },
  'custom domains that come and go': {
    stage: { port: 3000, domains: ['old.example.com', 'kept.example.com'] },
    changedTo: { port: 3000, domains: ['kept.example.com', 'new.example.com'] },
    before: ['v1'],
    act: deploy('v1'),
  },
  'what waits is superseded': {
    before: ['v1'],
    act: (deployer) =>
      Promise.all([
        deploy('v2')(deployer),
        deploy('v2', true)(deployer),
        deployer.deploy({ ...DEV, tag: 'v3', policy: 'supersede' }),
      ]),
  },
  'what runs and what waits is cancelled': {
    before: ['v1'],
    act: async (deployer, { clock }) => {
      const handles = await Promise.all([
        deployer.submit({ ...DEV, tag: 'v2' }),
        deployer.submit({ ...DEV, tag: 'v3' }),
      ]);
      await passed(clock, 200);
      for (const handle of handles.reverse()) if (handle.isOk()) await deployer.cancel(handle.value.id);
      return Promise.all(handles.map((handle) => handle.map(({ result }) => result).unwrapOr(undefined)));
    },
  },
  'what a dead host has left is taken over': {
    options: { worker: { group: 'blue' } },
    before: ['v1'],
    act: async (_deployer, world) => {
      const doomed = mortalWorld(world, { commit: 2, when: 'before' });
      const dead = await deployerIn(world, { ...doomed.ports, worker: { group: 'blue' } });
      await passed(world.clock, 1);
      doomed.arm();
      // One with a key is stored before it begins.
      void dead.submit({ ...DEV, tag: 'v2', idempotencyKey: 'v2' });
      await passed(world.clock, 1);
      doomed.bury();
    },
  },
  'visitors are told to come again, and let in': {
    stage: { port: 3000, domains: ['shop.example.com'] },
    before: ['v1'],
    act: async (deployer) => {
      await deployer.maintenance({ ...DEV, on: true });
      return deployer.maintenance({ ...DEV, on: false });
    },
    hasGap: true,
  },
  'a deployment in maintenance': {
    before: ['v1'],
    act: async (deployer) => {
      await deployer.maintenance({ ...DEV, on: true });
      return deployer.deploy({ ...DEV, tag: 'v2' });
    },
    hasGap: true,
  },
  'a stage that is removed': { before: ['v1', 'v2'], act: (deployer) => deployer.remove(DEV), hasGap: true },
};

/** Within what is waited for already: somebody waits for this, too. */
function passed(clock: MemoryWorld['clock'], ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve, true));
}

const KINDS: { readonly [name: string]: Fault<never> } = {
  'fails before': { kind: 'fail-before' },
  'fails after it worked': { kind: 'fail-after' },
  'hangs before': { kind: 'hang', when: 'before' },
  'hangs after it worked': { kind: 'hang', when: 'after' },
  'never answers': { kind: 'hang', when: 'after', ignoresSignal: true },
  throws: { kind: 'throw' },
};

export const MAIN = 'a third tag that evicts the first';
const usual = (scenario: string) =>
  scenario === MAIN ? ['fails after it worked', 'hangs before', 'throws'] : ['fails after it worked'];

/** Walks those of the scenarios: two files of tests share them, since all of them take a minute or two. */
export function walk(isFull: boolean, isChosen: (scenario: string) => boolean): void {
  const cases = Object.keys(SCENARIOS)
    .filter(isChosen)
    .flatMap((scenario) => (isFull ? Object.keys(KINDS) : usual(scenario)).map((kind) => ({ scenario, kind })));
  describe('whatever call fails', () => {
    it.each(cases)('$scenario: it $kind', { timeout: 120_000 }, ({ scenario, kind }) => walkOne(scenario, kind));
  });
}

async function run(scenario: Scenario, strike: Strike | null) {
  const faulty = faultyWorld();
  const { world } = faulty;
  push(world, 'v1', 'v2', 'v3', 'v9');
  let stage: Stage = scenario.stage ?? { port: 3000, maxInstances: 2 };
  const options: Partial<DeployerOptions> = {
    ...scenario.options,
    projects: () => ({ image: IMAGE, stages: { dev: stage } }),
  };
  const deployer = await deployerIn(world, { ...faulty.ports, ...options });
  for (const tag of scenario.before) await settled(world, deployer, tag);
  stage = scenario.changedTo ?? stage;
  const traffic = scenario.hasGap ? () => [] : watchTraffic(world);
  const routes = watchRoutes(world);

  faulty.arm(strike ?? { port: 'store', method: '', call: 0, fault: { kind: 'throw' } });
  await world.clock.until((async () => scenario.act(deployer, world))(), 3_600_000);
  await world.clock.advance(120_000);
  const { hasStruck } = faulty;
  const calls = new Map(faulty.calls);
  faulty.arm(null);
  await world.clock.until(deployer.close(), 3_600_000);
  const timers = world.clock.pending;

  const second = await deployerIn(world, { ...options, store: world.store.connect() });
  const after = await world.clock.until(second.deploy({ ...DEV, tag: 'v9' }), 3_600_000);
  await world.clock.advance(120_000);
  await world.clock.until(second.close());
  const broken = [
    ...traffic(),
    ...routes(),
    ...(timers > 0 ? [`${timers} timers after close()`] : []),
    ...(after.isErr() ? [`the next deployment: ${(after.error as AnyError).message}`] : []),
    ...(world.clock.pending > 0 ? [`${world.clock.pending} timers after the second close()`] : []),
    ...(await brokenPromises(world)),
  ];
  return { broken, hasStruck, calls };
}

async function walkOne(scenario: string, kind: string): Promise<void> {
  const chosen = SCENARIOS[scenario];
  const fault = KINDS[kind];
  if (!chosen || !fault) throw new Error('no such case');
  const undisturbed = await run(chosen, null);
  expect(undisturbed.broken).toEqual([]);
  const found: string[] = [];
  let runs = 0;
  for (const [key] of undisturbed.calls) {
    const [port, method = ''] = key.split('.') as [Strike['port'], string];
    if (!FAULTY_PORTS.includes(port)) continue;
    for (let call = 1; ; call += 1) {
      const { broken, hasStruck } = await run(chosen, { port, method, call, fault }).catch((thrown: unknown) => ({
        broken: [`stuck: ${thrown}`],
        hasStruck: true,
      }));
      runs += 1;
      if (broken.length > 0) found.push(`${key} #${call}: ${broken.join(' | ')}`);
      if (!hasStruck) break;
    }
  }
  expect(runs).toBeGreaterThan(undisturbed.calls.size);
  expect(found).toEqual([]);
}
