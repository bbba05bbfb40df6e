/** Who did what: every act is written down in the commit that made it true, and stays when what it was about has gone. */
import { describe, expect, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import { EVENT_STREAM, type StoredEvent } from '../events/types.js';
import { memoryWorld } from '../testing/index.js';
import { DEV, deployerIn, push, settled } from './testbed.js';

const forever = { signal: new AbortController().signal };
const by = 'ada@desk';

async function opened(options: object = {}) {
  const world = memoryWorld();
  push(world, 'v1', 'v2', 'v3');
  const deployer = await deployerIn(world, options);
  const trail = async (query: object = {}) =>
    (await unwrap(deployer.audit.list(query))).items.map((each) => `${each.act} ${each.tag ?? '-'} ${each.by ?? '-'}`);
  const deploy = async (tag: string, who = by) => {
    const { id } = await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag, by: who })));
    await world.clock.advance(60_000);
    return id;
  };
  return { world, deployer, trail, deploy };
}

describe('the audit trail', () => {
  it('says who deployed, rolled back, pinned, removed, pruned and recovered, the newest first', async () => {
    const { world, deployer, trail, deploy } = await opened();
    const first = await deploy('v1');
    await deploy('v2', 'bob@ci');
    await world.clock.until(unwrap(deployer.rollBack({ ...DEV, by: 'eve@desk' })));
    await unwrap(deployer.pin(first, { by }));
    await unwrap(deployer.pin(first, { by }));
    await unwrap(deployer.unpin(first));
    await world.clock.until(unwrap(deployer.remove(DEV, { by })));
    await world.clock.until(unwrap(deployer.prune({ by })));
    await world.clock.until(unwrap(deployer.recover({ by })));
    expect(await trail()).toEqual([
      `recover - ${by}`,
      `prune - ${by}`,
      `remove - ${by}`,
      'unpin v1 -',
      `pin v1 ${by}`,
      'roll-back v1 eve@desk',
      'deploy v2 bob@ci',
      `deploy v1 ${by}`,
    ]);
    expect(await trail({ act: 'deploy', limit: 1 })).toEqual(['deploy v2 bob@ci']);
    expect(await trail({ ...DEV, act: 'remove' })).toEqual([`remove - ${by}`]);
    expect(await trail({ project: 'blog' })).toEqual([]);
    const { items } = await unwrap(deployer.audit.list({ act: 'pin' }));
    expect(items).toMatchObject([{ ...DEV, subject: first, tag: 'v1', detail: null, time: expect.any(Number) }]);
    await world.clock.until(deployer.close());
  });

  it('tells of each as an event of the same commit', async () => {
    const { world, deployer, deploy } = await opened();
    const told: string[] = [];
    deployer.on('audit.recorded', ({ entry }) => told.push(entry.act));
    await deploy('v1');
    await world.clock.until(unwrap(deployer.remove(DEV, { by })));
    expect(told).toEqual(['deploy', 'remove']);
    const entries = await unwrap(world.store.read(EVENT_STREAM, { after: 0 }, forever));
    const stored = entries.map(({ value }) => value as unknown as StoredEvent);
    expect(stored.filter(({ type }) => type === 'audit.recorded').map(({ payload }) => payload)).toMatchObject([
      { entry: { act: 'deploy', by } },
      { entry: { act: 'remove', by } },
    ]);
    await world.clock.until(deployer.close());
  });

  it('says who cancelled what and why, and nothing of what follows from another request', async () => {
    const { world, deployer, trail } = await opened();
    const running = await unwrap(deployer.submit({ ...DEV, tag: 'v1', by }));
    const queued = await unwrap(deployer.submit({ ...DEV, tag: 'v2', by }));
    await unwrap(deployer.cancel(queued.id, { by: 'bob@ci', reason: 'too early' }));
    await unwrap(deployer.cancel(running.id, { by: 'bob@ci' }));
    // Asked for already: that is one act.
    await unwrap(deployer.cancel(running.id, { by: 'eve@desk' }));
    await world.clock.until(running.result);
    await unwrap(deployer.cancel(running.id, { by: 'eve@desk' }));
    expect(await trail({ act: 'cancel' })).toEqual(['cancel v1 bob@ci', 'cancel v2 bob@ci']);
    const { items } = await unwrap(deployer.audit.list({ act: 'cancel' }));
    expect(items.map(({ detail, subject }) => [subject, detail])).toEqual([
      [running.id, null],
      [queued.id, 'too early'],
    ]);
    const other = await unwrap(deployer.submit({ ...DEV, tag: 'v1' }));
    await unwrap(deployer.submit({ ...DEV, tag: 'v3', policy: 'supersede', running: 'cancel', by }));
    await world.clock.until(other.result);
    expect(await trail({ act: 'cancel' })).toHaveLength(2);
    await world.clock.until(deployer.close());
  });

  it('says nothing of what was refused, and of a dry run', async () => {
    const { world, deployer, trail, deploy } = await opened();
    const id = await deploy('v1');
    expect((await world.clock.until(deployer.remove({ instance: id }, { by })))._unsafeUnwrapErr().kind).toBe(
      'instance-in-use',
    );
    await world.clock.until(unwrap(deployer.prune({ by, dryRun: true })));
    const refused = await deployer.remove(DEV, { by: 'x'.repeat(201) });
    expect(refused._unsafeUnwrapErr()).toMatchObject({ kind: 'invalid-request', issues: [{ path: 'by' }] });
    expect((await deployer.recover({ by: 'a\u0007b' }))._unsafeUnwrapErr().kind).toBe('invalid-request');
    expect((await deployer.prune({ by: 'x'.repeat(201) }))._unsafeUnwrapErr().kind).toBe('invalid-request');
    expect(await trail()).toEqual([`deploy v1 ${by}`]);
    await world.clock.until(deployer.close());
  });

  it('outlives the history, and goes when it is as old as `keepAuditMs`', async () => {
    const DAY_MS = 86_400_000;
    const settings = { domain: 'apps.test', keepAuditMs: 90 * DAY_MS };
    const { world, deployer, trail } = await opened({ settings });
    await settled(world, deployer, 'v1');
    await world.clock.until(unwrap(deployer.remove(DEV)));
    await world.clock.advance(60_000);
    world.clock.jump(60 * DAY_MS);
    await world.clock.until(unwrap(deployer.prune({ by })));
    expect((await unwrap(deployer.deployments.list())).items).toEqual([]);
    expect(await trail()).toEqual([`prune - ${by}`, 'remove - -', 'deploy v1 -']);
    // More than go in one commit.
    for (let count = 0; count < 250; count += 1) await unwrap(deployer.prune({ by }));
    world.clock.jump(31 * DAY_MS);
    await world.clock.until(unwrap(deployer.prune({ by: 'eve' })));
    expect(await trail({ limit: 1_000 })).toEqual([
      'prune - eve',
      ...Array.from({ length: 251 }, () => `prune - ${by}`),
    ]);
    world.clock.jump(60 * DAY_MS);
    await world.clock.until(unwrap(deployer.prune({ by: 'bob' })));
    expect(await trail()).toEqual(['prune - bob', 'prune - eve']);
    await world.clock.until(deployer.close());
  });
});
