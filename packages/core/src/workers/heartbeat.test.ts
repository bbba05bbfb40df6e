import { describe, expect, it } from 'vitest';
import { DEV, deployerIn, faultyWorld, push } from '../deployer/testbed.js';
import { unwrap } from '../domain/errors.js';
import type { Host } from '../flow/host.js';
import { memoryWorld, outage, withFaults } from '../testing/index.js';
import { Heartbeat } from './heartbeat.js';

const forever = { signal: new AbortController().signal };

function bed(group: string | null = null) {
  const { clock, store } = memoryWorld();
  const faulty = withFaults(store.connect(), { clock, error: outage.store });
  const settings = { ttlMs: 30_000, renewMs: 10_000 };
  const heartbeat = new Heartbeat({ id: 'me', clock, store: faulty.port, settings, group } as unknown as Host);
  const rows = async () => (await unwrap(store.list('hosts', {}, forever))).map(({ value }) => value);
  return { clock, heartbeat, faulty, rows };
}

describe('a deployer’s heartbeat', () => {
  it('of a worker is there from its start, beats, and is gone when it closes', async () => {
    const { clock, heartbeat, rows } = bed('blue');
    heartbeat.start();
    await clock.advance(0);
    expect(await rows()).toEqual([
      { id: 'me', group: 'blue', isWorker: true, beat: 1, ttlMs: 30_000, since: clock.now() },
    ]);
    await clock.advance(30_000);
    expect(await rows()).toMatchObject([{ beat: 4 }]);
    await heartbeat.close();
    expect(await rows()).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('of anybody else begins with what it submits, in that commit', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const deployer = await deployerIn(world);
    const hosts = async () => (await unwrap(world.store.list('hosts', {}, forever))).map(({ value }) => value);
    await world.clock.advance(60_000);
    expect(await hosts()).toEqual([]);
    await unwrap(deployer.submit({ ...DEV, tag: 'v1' }));
    expect(await hosts()).toMatchObject([{ id: deployer.id, group: null, isWorker: false }]);
    const [{ beat } = { beat: 0 }] = await hosts();
    await world.clock.advance(30_000);
    expect((await hosts())[0]?.beat).toBe(beat + 3);
    const second = world.store.connect();
    await world.clock.until(deployer.close());
    expect(await unwrap(second.list('hosts', {}, forever))).toEqual([]);
    expect(world.clock.pending).toBe(0);
  });

  it('that the store does not take is tried again soon', async () => {
    const { clock, heartbeat, faulty, rows } = bed('blue');
    heartbeat.start();
    faulty.inject('commit', { kind: 'fail-before' }, 3);
    await clock.advance(2_999);
    expect(await rows()).toEqual([]);
    await clock.advance(1);
    expect(await rows()).toMatchObject([{ id: 'me' }]);
    await heartbeat.close();
  });
});

describe('a sweep', () => {
  it('comes with every beat of any deployer, and not while it is still at it', async () => {
    const { clock, heartbeat } = bed();
    const seen: number[] = [];
    heartbeat.onBeat(async () => {
      seen.push(clock.monotonicMs());
      await new Promise<void>((resolve) => void clock.after(15_000, resolve));
    });
    heartbeat.start();
    await clock.advance(60_000);
    expect(seen).toEqual([10_000, 30_000, 50_000]);
    await clock.until(heartbeat.close());
  });

  it('that throws harms no other, and one taken off does not come again', async () => {
    const { clock, heartbeat } = bed();
    let count = 0;
    heartbeat.onBeat(() => {
      throw new Error('broken');
    });
    const off = heartbeat.onBeat(async () => {
      count += 1;
    });
    heartbeat.start();
    await clock.advance(30_000);
    expect(count).toBe(3);
    off();
    await clock.advance(30_000);
    expect(count).toBe(3);
    await heartbeat.close();
    expect(clock.pending).toBe(0);
  });

  it('that the store never answers leaves nothing behind when the deployer closes', async () => {
    for (let call = 1; call <= 4; call += 1) {
      const { world, ports, arm } = faultyWorld();
      const deployer = await deployerIn(world, ports);
      await world.clock.advance(9_000);
      arm({ port: 'store', method: 'list', call, fault: { kind: 'hang', ignoresSignal: true } });
      await world.clock.advance(2_000);
      await world.clock.until(deployer.close());
      expect(world.clock.pending, `call ${call}`).toBe(0);
    }
  });

  it('is broken off when the deployer closes, also one that does not listen', async () => {
    const { clock, heartbeat } = bed();
    let hasHeard = false;
    heartbeat.onBeat((signal) => {
      signal.addEventListener('abort', () => {
        hasHeard = true;
      });
      return new Promise(() => {});
    });
    heartbeat.start();
    await clock.advance(10_000);
    const startMs = clock.monotonicMs();
    await clock.until(heartbeat.close());
    expect(hasHeard).toBe(true);
    expect(clock.monotonicMs() - startMs).toBeLessThan(4_000);
    expect(clock.pending).toBe(0);
  });
});
