import { type StoredEvent, unwrap } from '@quayside/core';
import { describe, expect, it } from 'vitest';
import { approvalGate } from './approval.js';
import { type Bed, bed, logOf, newestOf } from './testbed.js';

const DEV = { project: 'shop', stage: 'dev' } as const;

/** A deployment that waits at the gate, and the gate. */
async function waiting(of: Bed, options: Parameters<typeof approvalGate>[0] = {}) {
  const gate = unwrap(approvalGate(options));
  const deployer = await of.deployer([gate]);
  const ended = deployer.deploy({ ...DEV, tag: 'v1' });
  await of.world.clock.advance(5_000);
  const { id } = await newestOf(deployer);
  return { gate, deployer, ended, id };
}

describe('an approval gate', () => {
  it('holds a deployment whose new instance is healthy and has no traffic, and tells that it waits', async () => {
    const of = bed();
    const { gate, deployer, ended, id } = await waiting(of);
    expect(await newestOf(deployer)).toMatchObject({ status: 'running' });
    expect(of.world.proxy.request('stage-dev-shop.apps.test').status).toBe(404);
    expect(of.world.proxy.request('stage-dev-shop-v1.apps.test').status).toBe(200);
    const [pending, ...others] = unwrap(await gate.pending());
    expect(others).toEqual([]);
    expect(pending).toMatchObject({
      deploymentId: id,
      project: 'shop',
      stage: 'dev',
      tag: 'v1',
      domains: ['stage-dev-shop-v1.apps.test'],
    });
    expect((pending?.until ?? 0) - (pending?.since ?? 0)).toBe(900_000);
    expect((await logOf(deployer, id)).at(-1)).toMatch(/^Waits for an approval, until .*Z\.$/);

    unwrap(await gate.approve(id, 'alice', { reason: 'looks good' }));
    unwrap(await gate.approve(id, 'alice'));
    const deployment = unwrap(await of.world.clock.until(ended));
    expect(deployment.status).toBe('succeeded');
    expect(deployment.steps.find(({ name }) => name === 'approval/wait')).toMatchObject({ status: 'done' });
    expect(await logOf(deployer, id)).toContain('Approved by alice: looks good.');
    expect(unwrap(await gate.pending())).toEqual([]);
    const told: StoredEvent[] = [];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const event of deployer.events({ signal: stop.signal }))
        if (event.type === 'plugin.event') told.push(event);
    })();
    await of.world.clock.advance(1_000);
    stop.abort();
    await reading;
    expect(told.map(({ payload }) => payload)).toMatchObject([
      { plugin: 'approval', name: 'pending', deployment: { id }, data: { tag: 'v1' } },
      { plugin: 'approval', name: 'approved', data: { by: 'alice', reason: 'looks good' } },
    ]);
    expect(await gate.approve(id, 'bob').mapErr(({ kind }) => kind)).toEqual(
      await gate.deny(id, 'bob').mapErr(({ kind }) => kind),
    );
    await of.world.clock.until(deployer.close());
  });

  it('is answered from another process over the same store', async () => {
    const of = bed();
    const { deployer, ended, id } = await waiting(of);
    const elsewhere = unwrap(approvalGate());
    const other = await of.deployer([elsewhere]);
    expect(unwrap(await elsewhere.pending()).map(({ deploymentId }) => deploymentId)).toEqual([id]);
    unwrap(await elsewhere.approve(id, 'carol'));
    expect(unwrap(await of.world.clock.until(ended)).status).toBe('succeeded');
    await of.world.clock.until(other.close());
    await of.world.clock.until(deployer.close());
  });

  it('fails and rolls back what is denied, with who it was and why', async () => {
    const of = bed();
    const { gate, deployer, ended, id } = await waiting(of);
    unwrap(await gate.deny(id, 'bob', { reason: 'wrong colour' }));
    expect((await of.world.clock.until(ended))._unsafeUnwrapErr()).toMatchObject({
      kind: 'plugin-failed',
      code: 'denied',
      message: 'Plugin "approval" in step wait failed: Denied by bob: wrong colour.',
      deployment: { status: 'failed', cleanup: 'none' },
    });
    expect(of.world.engine.containers.size).toBe(0);
    expect((await gate.approve(id, 'bob'))._unsafeUnwrapErr()).toMatchObject({
      kind: 'unknown-deployment',
      message: `Deployment ${id} does not wait for an approval.`,
    });
    await of.world.clock.until(deployer.close());
  });

  it('does not wait for longer than its time limit', async () => {
    const of = bed();
    const { gate, deployer, ended, id } = await waiting(of, { timeout: '1m' });
    const startMs = of.world.clock.monotonicMs();
    expect((await of.world.clock.until(ended))._unsafeUnwrapErr()).toMatchObject({
      kind: 'plugin-failed',
      code: 'not-approved',
      message: expect.stringContaining('Nobody approved it within 60000 ms.'),
    });
    expect(of.world.clock.monotonicMs() - startMs).toBeLessThan(70_000);
    expect((await gate.approve(id, 'late')).isErr()).toBe(true);
    await of.world.clock.until(deployer.close());
  });

  it('takes one answer: who comes second with another one is told', async () => {
    const of = bed();
    const { gate, deployer, ended, id } = await waiting(of);
    const [yes, no] = await Promise.all([gate.approve(id, 'alice'), gate.deny(id, 'bob')]);
    expect(yes.isOk()).toBe(true);
    expect(no._unsafeUnwrapErr()).toMatchObject({ message: `Deployment ${id} was approved by alice already.` });
    expect(unwrap(await of.world.clock.until(ended)).status).toBe('succeeded');
    await of.world.clock.until(deployer.close());
  });

  it('lets a cancel through, and forgets its question', async () => {
    const of = bed();
    const { gate, deployer, ended, id } = await waiting(of);
    await of.world.clock.until(unwrap(deployer.cancel(id)));
    expect((await of.world.clock.until(ended))._unsafeUnwrapErr().kind).toBe('cancelled');
    expect(unwrap(await gate.pending())).toEqual([]);
    await of.world.clock.until(deployer.close());
  });

  it('waits through a store that is away for a while', async () => {
    const of = bed();
    const store = of.world.store.connect();
    let isAway = false;
    const get = store.get.bind(store) as typeof store.get;
    store.get = ((...args: Parameters<typeof get>) =>
      isAway && args[0] === 'pluginState'
        ? get('pluginState', 'x', { signal: AbortSignal.abort() }).mapErr(() => ({
            kind: 'store-unavailable',
            message: 'The store is away.',
            hint: 'Wait.',
            retryable: true,
          }))
        : get(...args)) as typeof store.get;
    const gate = unwrap(approvalGate());
    const deployer = await of.deployer([gate], { store });
    const ended = deployer.deploy({ ...DEV, tag: 'v1' });
    await of.world.clock.advance(2_000);
    isAway = true;
    await of.world.clock.advance(20_000);
    isAway = false;
    const { id } = await newestOf(deployer);
    unwrap(await gate.approve(id, 'alice'));
    expect(unwrap(await of.world.clock.until(ended)).status).toBe('succeeded');
    expect((await logOf(deployer, id)).filter((text) => text.includes('The store is away.'))).toHaveLength(1);
    await of.world.clock.until(deployer.close());
  });

  it('stands where it is told to, for the stages it is told, and not in the way of a roll back', async () => {
    const of = bed({}, { dev: { port: 3000 }, prod: { port: 3000 } });
    const gate = unwrap(approvalGate({ stages: ['prod'], before: 'pull' }));
    const deployer = await of.deployer([gate]);
    expect(unwrap(await of.world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }))).status).toBe('succeeded');
    for (const tag of ['v1', 'v2']) {
      const ended = deployer.deploy({ project: 'shop', stage: 'prod', tag });
      await of.world.clock.advance(2_000);
      const [pending] = unwrap(await gate.pending());
      expect(
        [...of.world.engine.containers.values()].some(({ spec }) => spec.stage === 'prod' && spec.tag === tag),
      ).toBe(false);
      unwrap(await gate.approve(pending?.deploymentId ?? '', 'alice'));
      unwrap(await of.world.clock.until(ended));
    }
    const back = await of.world.clock.until(deployer.rollBack({ project: 'shop', stage: 'prod' }));
    expect(unwrap(back).status).toBe('succeeded');
    await of.world.clock.until(deployer.close());
  });

  it('refuses answers that are none, and before a deployer has started with it', async () => {
    const gate = unwrap(approvalGate());
    expect((await gate.approve('x', 'alice'))._unsafeUnwrapErr().kind).toBe('closed');
    const of = bed();
    const { deployer, ended, ...at } = await waiting(of);
    for (const by of ['', '  ', 'x'.repeat(201), 7 as never])
      expect((await at.gate.approve(at.id, by))._unsafeUnwrapErr()).toMatchObject({
        kind: 'invalid-request',
        issues: [{ path: 'approval.by' }],
      });
    expect((await at.gate.approve('no spaces', 'alice'))._unsafeUnwrapErr().kind).toBe('invalid-request');
    unwrap(await at.gate.deny(at.id, 'alice'));
    await of.world.clock.until(ended);
    await of.world.clock.until(deployer.close());
    expect(approvalGate({ timeout: 0 })._unsafeUnwrapErr().issues).toMatchObject([{ path: 'approvalGate.timeout' }]);
  });
});
