import { describe, expect, it } from 'vitest';
import { DEV, deployerIn, push, settled } from '../deployer/testbed.js';
import { unwrap } from '../domain/errors.js';
import type { LeaseRecord } from '../domain/records.js';
import type { Change } from '../ports/store.js';
import { memoryWorld } from '../testing/index.js';

const forever = { signal: new AbortController().signal };
const HOUR_MS = 3_600_000;

async function opened() {
  const world = memoryWorld();
  push(world, 'v1');
  const deployer = await deployerIn(world);
  const put = (...changes: Change[]) => unwrap(world.store.commit(changes, forever));
  const ids = async (collection: 'leases' | 'idempotency' | 'pins' | 'conditions' | 'cancels' | 'tasks') =>
    (await unwrap(world.store.list(collection, {}, forever))).map(({ value }) => value.id);
  return { world, deployer, put, ids };
}

describe('rows that nobody has any use for', () => {
  it('of leases go a day after their last grant, where they are free', async () => {
    const { world, deployer, put, ids } = await opened();
    await settled(world, deployer, 'v1');
    expect(await ids('leases')).toContain('stage:["shop","dev"]');
    const held: LeaseRecord = {
      ...{ id: 'domain:held', holder: 'x', token: 1, beat: 1, ttlMs: 30_000, effectTimeoutMs: 15_000 },
      ...{ deployment: null, since: world.clock.now() },
    };
    await put({ op: 'insert', collection: 'leases', record: held });
    world.clock.jump(23 * HOUR_MS);
    await unwrap(deployer.prune());
    expect((await ids('leases')).length).toBeGreaterThan(2);
    world.clock.jump(2 * HOUR_MS);
    await unwrap(deployer.prune());
    expect(await ids('leases')).toEqual(['domain:held']);
    // Its holder goes on renewing it.
    await put({ op: 'put', collection: 'leases', record: { ...held, beat: 2 } });
    await world.clock.advance(HOUR_MS);
    await unwrap(deployer.prune());
    await world.clock.advance(100_000);
    await unwrap(deployer.prune());
    expect(await ids('leases')).toEqual(['domain:held']);
    // It stood still for its time, for an effect of its holder's, and for more.
    await world.clock.advance(HOUR_MS);
    await unwrap(deployer.prune());
    expect(await ids('leases')).toEqual([]);
    expect((await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1', force: true }))).isOk()).toBe(true);
    await world.clock.until(deployer.close());
  });

  it('of idempotency keys go after a day', async () => {
    const { world, deployer, put, ids } = await opened();
    const row = (id: string, agoMs: number): Change => ({
      op: 'insert',
      collection: 'idempotency',
      record: { id, deployment: 'd', payload: 'p', at: world.clock.now() - agoMs },
    });
    const many = Array.from({ length: 90 }, (_, index) => row(`old-${index}`, 25 * HOUR_MS));
    await put(...many);
    await put(row('a-young', 23 * HOUR_MS), row('z-young', 0));
    await unwrap(deployer.prune());
    expect(await ids('idempotency')).toEqual(['a-young', 'z-young']);
    await world.clock.until(deployer.close());
  });

  it('of pins, conditions and cancels go with what they are about, and tasks for a notifier that is gone after a week', async () => {
    const { world, deployer, put, ids } = await opened();
    await settled(world, deployer, 'v1');
    const [instance] = (await unwrap(deployer.instances.list())).items;
    const id = instance?.id ?? '';
    const at = world.clock.now();
    const condition = { stageKey: 's', state: 'down', since: 0, exitCode: 1, oomKilled: false, restarts: 0 } as const;
    const task = { ...{ kind: 'notify', subject: 'n', deployment: null, notifier: 'gone', message: {} }, attempts: 1 };
    await put(
      ...[id, 'gone'].flatMap((each): Change[] => [
        { op: 'insert', collection: 'pins', record: { id: each, at, by: null } },
        { op: 'insert', collection: 'conditions', record: { id: each, ...condition } },
        { op: 'insert', collection: 'cancels', record: { id: each, at, by: null, reason: null } },
      ]),
      {
        op: 'insert',
        collection: 'tasks',
        record: { ...task, id: 't', dueAt: at, createdAt: at, lastError: null } as never,
      },
    );
    await unwrap(deployer.prune());
    expect([await ids('pins'), await ids('conditions'), await ids('cancels')]).toEqual([[id], [id], []]);
    expect(await ids('tasks')).toEqual(['t']);
    world.clock.jump(8 * 24 * HOUR_MS);
    await unwrap(deployer.prune());
    expect(await ids('tasks')).toEqual([]);
    await world.clock.until(deployer.close());
  });
});
