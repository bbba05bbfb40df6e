import { describe, expect, it } from 'vitest';
import { deployerIn } from '../deployer/testbed.js';
import { unwrap } from '../domain/errors.js';
import { EVENT_STREAM } from '../events/types.js';
import { memoryNotifier, memoryWorld } from '../testing/index.js';

const forever = { signal: new AbortController().signal };
const DAY_MS = 86_400_000;
const settings = { domain: 'apps.test', keepEvents: 200, ttlMs: 3_600_000, renewMs: 1_200_000 };

async function opened(options: object = {}) {
  const world = memoryWorld();
  const deployer = await deployerIn(world, { settings, ...options });
  /** Events that nobody wants, as steps are, or one that notifiers do. */
  const happen = async (count: number, type = 'deployment.step') => {
    for (let done = 0; done < count; done += 1_000) {
      const entries = Array.from({ length: Math.min(1_000, count - done) }, (_, index) => ({
        ...{ id: `e${done + index}`, type, time: world.clock.now(), payload: { deployment: { id: 'd' } } },
      }));
      await unwrap(world.store.commit([{ op: 'append', stream: EVENT_STREAM, entries }], forever));
    }
  };
  const range = async () => {
    const seqs: number[] = [];
    for (let after = 0; ; ) {
      const page = await unwrap(world.store.read(EVENT_STREAM, { after }, forever));
      seqs.push(...page.map(({ seq }) => seq));
      if (page.length === 0) return [seqs.at(0), seqs.at(-1)];
      after = seqs.at(-1) ?? 0;
    }
  };
  return { world, deployer, happen, range };
}

describe('the stream of events', () => {
  it.each([211, 1_000, 5_723])('keeps the newest of %i, and whoever reads on misses none of those', async (count) => {
    const { world, deployer, happen, range } = await opened();
    await happen(count);
    const report = await unwrap(deployer.prune());
    // That somebody asked for it is an event, too.
    const going = count + 1 - 200;
    expect(report.events).toBe(going);
    const [first, last] = await range();
    expect(first).toBe(going + 1);
    // And so is what tells of it: one per thousand.
    expect(last).toBe(count + 1 + Math.ceil(going / 1_000));
    // Not for a handful.
    expect((await unwrap(deployer.prune())).events).toBe(0);
    await world.clock.until(deployer.close());
  });

  it('keeps what a notifier was not told of, however much that is, and lets it go afterwards', async () => {
    const notifier = memoryNotifier();
    const { world, deployer, happen, range } = await opened({ notifiers: [notifier] });
    await world.clock.advance(10);
    await unwrap(
      world.store.commit([{ op: 'insert', collection: 'cursors', record: { id: 'another', after: 100 } }], forever),
    );
    await happen(600);
    world.clock.jump(DAY_MS);
    await world.clock.advance(10_000);
    expect((await unwrap(deployer.prune())).events).toBe(100);
    expect((await range())[0]).toBe(101);
    // A notifier that no host has had for a week is gone.
    world.clock.jump(7 * DAY_MS);
    await world.clock.advance(10_000);
    expect((await unwrap(deployer.prune())).events).toBe(304);
    const cursors = await unwrap(world.store.list('cursors', {}, forever));
    expect(cursors.map(({ value }) => value.id)).toEqual(['memory']);
    await world.clock.until(deployer.close());
  });

  it('is not held by a notifier that wants nothing of what happens, and that one is told of what it wants', async () => {
    const picky = memoryNotifier('picky', ['deployment.failed']);
    const { world, deployer, happen, range } = await opened({ notifiers: [picky] });
    await world.clock.advance(10);
    for (let round = 0; round < 5; round += 1) {
      await happen(400);
      await world.clock.advance(60_000);
      await unwrap(deployer.prune());
      const [first = 0, last = 0] = await range();
      expect(last - first).toBeLessThan(350);
    }
    await happen(1, 'deployment.failed');
    await world.clock.advance(60_000);
    expect(picky.received).toHaveLength(1);
    await world.clock.until(deployer.close());
  });

  it('tells a notifier again whose place was given up while it was away', async () => {
    const notifier = memoryNotifier();
    const { world, deployer, happen } = await opened({ notifiers: [notifier] });
    await world.clock.advance(10);
    await unwrap(world.store.commit([{ op: 'remove', collection: 'cursors', id: 'memory' }], forever));
    await happen(1, 'deployment.failed');
    await world.clock.advance(10_000);
    await happen(1, 'deployment.failed');
    await world.clock.advance(10_000);
    expect(notifier.received).toHaveLength(1);
    await world.clock.until(deployer.close());
  });
});
