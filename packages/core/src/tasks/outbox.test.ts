/** Notifiers are told of everything, at least once and in order; none of them holds up anybody, and a restart goes on where it was. */
import { ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { brokenPromises, DEV, deployerIn, faultyWorld, push, settled } from '../deployer/testbed.js';
import { unwrap } from '../domain/errors.js';
import type { Notifier } from '../ports/notifier.js';
import { memoryNotifier, memoryWorld } from '../testing/index.js';

const hanging = (): Notifier => ({ name: 'hangs', notify: () => new ResultAsync(new Promise(() => {})) });

describe('the outbox', () => {
  it('tells in order, each once, while nothing fails', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2', 'v3');
    const notifier = memoryNotifier();
    const deployer = await deployerIn(world, { notifiers: [notifier] });
    await world.clock.advance(10);
    for (const tag of ['v1', 'v2', 'v3']) await settled(world, deployer, tag);
    const sequences = notifier.received.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(new Set(sequences).size).toBe(sequences.length);
    expect(notifier.received.map(({ type }) => type)).toEqual([
      ...Array(3).fill('deployment.succeeded'),
      'deployment.cleaned',
    ]);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });

  it('tells again what could not be told, with a growing pause, under the same id', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const notifier = memoryNotifier();
    const deployer = await deployerIn(world, { notifiers: [notifier] });
    await world.clock.advance(10);
    notifier.fail(3);
    const failures: number[] = [];
    deployer.on('task.failed', () => failures.push(world.clock.now()));
    await settled(world, deployer, 'v1');
    expect(notifier.received).toEqual([]);
    await world.clock.advance(3_600_000);
    expect(notifier.received.map(({ type }) => type)).toEqual(['deployment.succeeded']);
    const pauses = failures.slice(1).map((time, index) => time - (failures[index] ?? 0));
    expect(pauses).toHaveLength(2);
    expect(pauses[1]).toBeGreaterThan(pauses[0] ?? 0);
    await world.clock.until(deployer.close());
    expect(await brokenPromises(world)).toEqual([]);
    expect(world.clock.pending).toBe(0);
  });

  it('gives up what is refused for good', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const notifier = memoryNotifier();
    const deployer = await deployerIn(world, { notifiers: [notifier] });
    await world.clock.advance(10);
    notifier.answer('refuses');
    await settled(world, deployer, 'v1');
    notifier.answer('takes');
    await world.clock.advance(3_600_000);
    expect(notifier.received).toEqual([]);
    await world.clock.until(deployer.close());
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('a notifier that hangs, or throws, holds up neither a deployment nor another one nor the close', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const good = memoryNotifier('good');
    const throwing: Notifier = {
      name: 'throws',
      notify: () => {
        throw new Error('no');
      },
    };
    const deployer = await deployerIn(world, { notifiers: [hanging(), throwing, good] });
    await world.clock.advance(10);
    const startMs = world.clock.monotonicMs();
    await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: 'v1' })));
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(1_000);
    await world.clock.advance(1_000);
    expect(good.received).toHaveLength(1);
    await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: 'v2' })));
    const closeMs = world.clock.monotonicMs();
    await world.clock.until(deployer.close());
    expect(world.clock.monotonicMs() - closeMs).toBeLessThan(8_000);
    expect(good.received).toHaveLength(2);
    expect(world.clock.pending).toBe(0);
  });

  it('a restart tells what was left untold, and a new notifier only of what comes', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const first = await deployerIn(world, { notifiers: [hanging()] });
    await world.clock.advance(10);
    await world.clock.until(unwrap(first.deploy({ ...DEV, tag: 'v1' })));
    await world.clock.until(first.close());
    const known = memoryNotifier('hangs');
    const late = memoryNotifier('late');
    const second = await deployerIn(world, { store: world.store.connect(), notifiers: [known, late] });
    await world.clock.advance(60_000);
    expect(known.received.map(({ type }) => type)).toEqual(['deployment.succeeded']);
    expect(late.received).toEqual([]);
    await settled(world, second, 'v2');
    expect([known, late].map(({ received }) => received.length)).toEqual([2, 1]);
    await world.clock.until(second.close());
    expect(world.clock.pending).toBe(0);
  });

  it('two deployers over one store do not double', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2', 'v3');
    const notifier = memoryNotifier();
    const both = [
      await deployerIn(world, { notifiers: [notifier] }),
      await deployerIn(world, { notifiers: [notifier], store: world.store.connect() }),
    ];
    await world.clock.advance(10);
    for (const [index, tag] of ['v1', 'v2', 'v3'].entries()) {
      const deployer = both[index % 2];
      if (deployer) await settled(world, deployer, tag);
    }
    await world.clock.advance(60_000);
    const ids = notifier.received.map(({ id }) => id);
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(4);
    for (const deployer of both) await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });

  it('a store that fails at the start only delays it', async () => {
    const faulty = faultyWorld();
    const { world } = faulty;
    push(world, 'v1');
    const notifier = memoryNotifier();
    faulty.arm({ port: 'store', method: 'get', call: 1, fault: { kind: 'fail-before' } });
    const deployer = await deployerIn(world, { ...faulty.ports, notifiers: [notifier] });
    await world.clock.advance(2_000);
    expect(faulty.hasStruck).toBe(true);
    await settled(world, deployer, 'v1');
    expect(notifier.received).toHaveLength(1);
    await world.clock.until(deployer.close());
  });
});

describe('tasks', () => {
  it('that a close has cut short are done by the next start', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const { inFlight: _none, ...proxy } = world.proxy;
    const projects = { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000, maxInstances: 1 } } } };
    const first = await deployerIn(world, { proxy, projects });
    await settled(world, first, 'v1');
    await world.clock.until(unwrap(first.deploy({ ...DEV, tag: 'v2' })));
    await world.clock.until(first.close({ timeoutMs: 1_000 }));
    expect(world.engine.containers.size).toBe(2);
    expect(world.clock.pending).toBe(0);
    const second = await deployerIn(world, { proxy, projects, store: world.store.connect() });
    await world.clock.advance(60_000);
    expect(world.engine.containers.size).toBe(1);
    await world.clock.until(second.close());
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('are found by a start whose first look at the store failed', async () => {
    const faulty = faultyWorld();
    const { world } = faulty;
    push(world, 'v1', 'v2');
    const { inFlight: _none, ...proxy } = world.proxy;
    const projects = { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000, maxInstances: 1 } } } };
    const first = await deployerIn(world, { proxy, projects, store: world.store.connect() });
    await settled(world, first, 'v1');
    await world.clock.until(unwrap(first.deploy({ ...DEV, tag: 'v2' })));
    await world.clock.until(first.close({ timeoutMs: 1_000 }));
    faulty.arm({ port: 'store', method: 'list', call: 1, fault: { kind: 'fail-before' } });
    const second = await deployerIn(world, { ...faulty.ports, proxy, projects });
    await world.clock.advance(60_000);
    expect(faulty.hasStruck).toBe(true);
    expect(world.engine.containers.size).toBe(1);
    await world.clock.until(second.close());
    expect(world.clock.pending).toBe(0);
  });
});
