/** `cancel(id)`, from any process: what is queued ends, what runs is undone, and past an accepted cancel nothing is committed. */
import { ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import { isTerminal } from '../domain/records.js';
import { another, closeAll, errorOf, forever, logOf, slowWorld } from './several-hosts.js';
import {
  brokenPromises,
  DEFAULT,
  DEV,
  deployerIn,
  mortalWorld,
  push,
  quickWorld,
  settled,
  watchTraffic,
} from './testbed.js';
import type { CancelAnswer } from './types.js';

describe('cancel', () => {
  it('ends at once what is queued elsewhere, and who waits for it hears of it', async () => {
    const world = slowWorld('v1', 'v2');
    const a = await deployerIn(world);
    const b = await another(world);
    const running = a.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(100);
    const waiting = await unwrap(a.submit({ ...DEV, tag: 'v2' }));
    const answer = await unwrap(b.cancel(waiting.id, { by: 'ann', reason: 'wrong tag' }));
    expect(answer).toMatchObject({ state: 'cancelled', deployment: { id: waiting.id, status: 'cancelled' } });
    const startMs = world.clock.monotonicMs();
    const error = await errorOf(world, waiting.result);
    expect(world.clock.monotonicMs() - startMs).toBeLessThanOrEqual(250);
    expect(error).toMatchObject({ kind: 'cancelled', deployment: { status: 'cancelled' } });
    const told = 'The deployment was cancelled before it began by ann: wrong tag.';
    expect(error.message).toBe(told);
    expect(await logOf(b, waiting.id)).toEqual([expect.stringContaining(told)]);
    await world.clock.until(unwrap(running));
    expect(await closeAll(world, a, b)).toEqual([]);
  });

  it('is seen within 250 ms by the host that runs it, which undoes it and says by whom it was', async () => {
    const world = slowWorld('v1');
    push(world, 'v0');
    const a = await deployerIn(world);
    const b = await another(world);
    await settled(world, a, 'v0');
    const before = world.proxy.request(DEFAULT).instance;
    const running = await unwrap(a.submit({ ...DEV, tag: 'v1' }));
    await world.clock.advance(1_000);
    expect(world.engine.containers.size).toBe(2);
    const answer = await unwrap(b.cancel(running.id, { by: 'ann', reason: 'too early' }));
    expect(answer).toMatchObject({ state: 'cancelling', deployment: { status: 'running' } });
    await world.clock.advance(250);
    const { status } = await unwrap(b.deployments.get(running.id));
    expect(['rolling-back', 'cancelled']).toContain(status);
    const error = await errorOf(world, running.result);
    expect(error).toMatchObject({ kind: 'cancelled', deployment: { status: 'cancelled', cleanup: 'none' } });
    expect(await logOf(b, running.id)).toContainEqual(
      expect.stringContaining('cancelled before its commit by ann: too early.'),
    );
    expect(world.engine.containers.size).toBe(1);
    expect(world.proxy.request(DEFAULT).instance).toBe(before);
    expect(await unwrap(b.cancel(running.id))).toMatchObject({ state: 'ended', deployment: { status: 'cancelled' } });
    expect(await unwrap(world.store.list('cancels', {}, forever))).toEqual([]);
    expect(await closeAll(world, a, b)).toEqual([]);
  });

  it('of what has ended does nothing, and of what there is not says so', async () => {
    const world = quickWorld();
    push(world, 'v1');
    const a = await deployerIn(world);
    const { id } = await world.clock.until(unwrap(a.deploy({ ...DEV, tag: 'v1' })));
    const commits = world.store.commits;
    expect(await unwrap(a.cancel(id))).toMatchObject({ state: 'ended', deployment: { status: 'succeeded' } });
    expect((await errorOf(world, a.cancel('000000000000000000'))).kind).toBe('unknown-deployment');
    expect((await errorOf(world, a.cancel(id, { by: 'x'.repeat(201) }))).kind).toBe('invalid-request');
    expect((await errorOf(world, a.cancel(id, { reason: 'a\nb' }))).kind).toBe('invalid-request');
    expect(world.store.commits).toBe(commits);
    expect(await closeAll(world, a)).toEqual([]);
    expect((await errorOf(world, a.cancel(id))).kind).toBe('closed');
  });

  it('of what a dead host ran ends it as cancelled once its lease is taken over', async () => {
    const world = slowWorld('v1', 'v2');
    const doomed = mortalWorld(world, { commit: 5, when: 'after' });
    const a = await deployerIn(world, doomed.ports);
    doomed.arm();
    void a.submit({ ...DEV, tag: 'v1' });
    await world.clock.advance(1_000);
    expect(doomed.isDead).toBe(true);
    doomed.bury();
    const b = await another(world);
    const [dead] = (await unwrap(b.deployments.list())).items;
    expect(dead?.status).toBe('running');
    expect(await unwrap(b.cancel(dead?.id ?? ''))).toMatchObject({ state: 'cancelling' });
    await world.clock.until(unwrap(b.deploy({ ...DEV, tag: 'v2' })));
    expect(await unwrap(b.deployments.get(dead?.id ?? ''))).toMatchObject({ status: 'cancelled' });
    await world.clock.advance(60_000);
    expect(await closeAll(world, b)).toEqual([]);
  });
});

/** Cancels from another process right before or after the n-th call of the host that runs it. */
async function race(at: number) {
  const world = quickWorld();
  push(world, 'v1', 'v2');
  const b = await another(world);
  let id = '';
  let heard = 0;
  let isArmed = false;
  let cancelling: Promise<CancelAnswer> | undefined;
  const hear = () => {
    if (!isArmed || ++heard !== at) return;
    cancelling = (async () => unwrap(await b.cancel(id, { by: 'ann' })))();
  };
  const overheard = new Proxy(world.store, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function' || !/^(commit|get|list)$/.test(String(property))) return value;
      return (...args: unknown[]) => {
        hear();
        const answer = Reflect.apply(value, target, args) as ResultAsync<unknown, unknown>;
        return new ResultAsync(
          (async () => {
            const result = await answer;
            hear();
            return result;
          })(),
        );
      };
    },
  });
  const a = await deployerIn(world, { store: overheard });
  await settled(world, a, 'v1');
  const before = world.proxy.request(DEFAULT).instance;
  const traffic = watchTraffic(world);
  const handle = await unwrap(a.submit({ ...DEV, tag: 'v2' }));
  id = handle.id;
  isArmed = true;
  const ended = await world.clock.until(handle.result);
  isArmed = false;
  const broken = [...traffic()];
  if (cancelling) {
    const { state } = await world.clock.until(cancelling);
    const { status } = await unwrap(b.deployments.get(id));
    if (!isTerminal(status)) broken.push(`it is ${status}`);
    if ((state === 'ended') !== (status === 'succeeded')) broken.push(`told ${state}, and it is ${status}`);
    const now = world.proxy.request(DEFAULT).instance;
    if ((now === before) !== (status === 'cancelled')) broken.push(`it is ${status}, and ${now} serves`);
    if (ended.isOk() !== (status === 'succeeded')) broken.push(`it is ${status}, and was answered otherwise`);
  }
  await world.clock.advance(60_000);
  const left = (await unwrap(world.store.list('cancels', {}, forever))).length;
  if (left > 0) broken.push(`${left} cancels are left`);
  for (const deployer of [a, b]) await world.clock.until(deployer.close());
  broken.push(...(await brokenPromises(world)));
  if (world.clock.pending > 0) broken.push(`${world.clock.pending} timers are left`);
  return { broken, has: cancelling !== undefined };
}

describe('a cancel from another process', () => {
  it('is never lost in a race with the commit', { timeout: 60_000 }, async () => {
    const found: string[] = [];
    let at = 1;
    for (; ; at += 1) {
      const { broken, has } = await race(at).catch((thrown: unknown) => ({ broken: [`stuck: ${thrown}`], has: true }));
      if (broken.length > 0) found.push(`at ${at}: ${broken.join(' | ')}`);
      if (!has) break;
    }
    expect(at).toBeGreaterThan(40);
    expect(found).toEqual([]);
  });
});
