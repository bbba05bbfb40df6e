import { describe, expect, it } from 'vitest';
import { brokenPromises } from '../deployer/testbed.js';
import type { JournalEntry } from '../domain/records.js';
import { memoryWorld } from '../testing/index.js';
import { madeBy } from './stop-meanwhile.js';
import { another, DEATHS, type Death, died, NOTHING, QUIET_MS, recovered, TTL_MS } from './testbed.js';

/** What becomes of a container between the take-over and the end of the wait for what its host may have had under way, and after it. */
async function stateAmidTheWait(death: Death) {
  const { world, id } = await died(death);
  const state = () => [...world.engine.containers.values()].find(({ spec }) => spec.owner.deployment === id)?.state;
  const next = await another(world);
  let amid: ReturnType<typeof state>;
  world.clock.after(TTL_MS + QUIET_MS / 2, () => {
    amid = state();
  });
  expect(await recovered(world, next)).toEqual({ ...NOTHING, settled: [{ deployment: id, status: 'failed' }] });
  expect(state()).toBeUndefined();
  await world.clock.until(next.close());
  expect(await brokenPromises(world)).toEqual([]);
  return amid;
}

describe('while a recovery waits for what a dead host may have under way', () => {
  it('a container that never served, and that nothing leads to, is stopped', async () => {
    expect(await stateAmidTheWait(DEATHS.started)).toBe('exited');
  });

  it.each(['routed', 'moving', 'moved'] as const)('one that something may lead to runs on: %s', async (death) => {
    expect(await stateAmidTheWait(DEATHS[death])).toBe('running');
  });

  it('a route that comes late all the same is taken back, before its container', async () => {
    const world = memoryWorld();
    const { id } = await died({ port: 'proxy', method: 'put', when: { lateMs: TTL_MS + QUIET_MS / 2 } }, { world });
    const order: string[] = [];
    const next = await another(world, {
      runtime: {
        ...world.runtime,
        remove: (ref, options) => {
          order.push(`container, with ${world.proxy.routes.size} routes`);
          return world.runtime.remove(ref, options);
        },
      },
      proxy: {
        ...world.proxy,
        remove: (route, options) => {
          order.push('route');
          return world.proxy.remove(route, options);
        },
      },
    });
    expect((await recovered(world, next)).settled).toEqual([{ deployment: id, status: 'failed' }]);
    expect(order).toEqual(['route', 'container, with 2 routes']);
    await world.clock.until(next.close());
    expect(await brokenPromises(world)).toEqual([]);
  });
});

describe('of what a journal names', () => {
  const entry = (step: string, intent: JournalEntry['intent'] = null): JournalEntry => ({
    step,
    version: 1,
    state: 'open',
    intent,
  });
  const create = entry('create', { container: 'c', networks: [] });
  const route = entry('route', { routes: [{ domain: 'v2.test', mark: 'm' }] });

  it('a container may be stopped once its routes are known not to be there', () => {
    expect(madeBy({ entries: [create] })).toEqual({ container: 'c', domains: [] });
    expect(madeBy({ entries: [create, entry('start'), route] })).toEqual({ container: 'c', domains: ['v2.test'] });
  });

  it.each([
    ['live routes may lead there', [create, entry('cutover')]],
    ['another host takes back what came after it', [create, entry('migrate')]],
    ['it is of another version', [{ ...create, version: 2 }]],
    ['none was made', [entry('pull')]],
  ])('it is left alone where %s', (_why, entries) => {
    expect(madeBy({ entries })).toBeUndefined();
  });
});
