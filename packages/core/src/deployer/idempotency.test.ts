/** A request that is sent again under its key means the deployment that the first one made. */
import { describe, expect, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import { hashText } from '../domain/hash.js';
import { type MemoryWorld, memorySealer, memoryWorld } from '../testing/index.js';
import { another, closeAll, errorOf, forever, slowWorld } from './several-hosts.js';
import { DEV, deployerIn, IMAGE, push, settled } from './testbed.js';

const KEYED = { ...DEV, tag: 'v1', idempotencyKey: 'delivery-7' } as const;

const countOf = async (world: MemoryWorld) =>
  (await unwrap(world.store.connect().list('deployments', {}, forever))).length;

describe('the same request under the same key', () => {
  it('makes one deployment, whoever is asked, and answers its result', async () => {
    const world = slowWorld('v1');
    const a = await deployerIn(world);
    const b = await another(world);
    const first = await unwrap(a.submit({ ...KEYED, by: 'ci' }));
    const again = await unwrap(a.submit({ ...KEYED, by: 'a retry of ci' }));
    const there = await unwrap(b.submit(KEYED));
    expect([again.id, there.id]).toEqual([first.id, first.id]);
    const results = await world.clock.until(Promise.all([first.result, again.result, there.result]));
    for (const result of results) expect(result._unsafeUnwrap()).toMatchObject({ id: first.id, status: 'succeeded' });
    const late = await world.clock.until(unwrap(b.deploy(KEYED)));
    expect(late).toMatchObject({ id: first.id, status: 'succeeded' });
    expect(await countOf(world)).toBe(1);
    await world.clock.advance(60_000);
    expect(await closeAll(world, a, b)).toEqual([]);
  });

  it('answers the error of one that has failed', async () => {
    const world = memoryWorld();
    world.engine.push(`${IMAGE}:v1`, { listensAfterMs: null, exitsAfterMs: 10, exitCode: 3 });
    const a = await deployerIn(world);
    const first = await errorOf(world, a.deploy(KEYED));
    const again = await errorOf(world, a.deploy(KEYED));
    expect(again).toMatchObject({ kind: first.kind, message: first.message, deployment: { id: first.deployment?.id } });
    expect(await countOf(world)).toBe(1);
    expect(await closeAll(world, a)).toEqual([]);
  });

  it('of several hosts at once makes one deployment', async () => {
    const world = slowWorld('v1');
    const hosts = [await deployerIn(world), await another(world), await another(world)];
    const handles = await Promise.all(hosts.map((host) => unwrap(host.submit(KEYED))));
    expect(new Set(handles.map(({ id }) => id)).size).toBe(1);
    const results = await world.clock.until(Promise.all(handles.map(({ result }) => result)));
    expect(results.every((each) => each.isOk())).toBe(true);
    expect(await countOf(world)).toBe(1);
    await world.clock.advance(60_000);
    expect(await closeAll(world, ...hosts)).toEqual([]);
  });

  it('is waited for no longer than its signal says, and goes on', async () => {
    const world = slowWorld('v1');
    const a = await deployerIn(world);
    const first = a.deploy(KEYED);
    await world.clock.advance(100);
    const hangUp = new AbortController();
    const again = a.deploy(KEYED, { signal: hangUp.signal });
    await world.clock.advance(100);
    hangUp.abort();
    expect((await errorOf(world, again)).kind).toBe('aborted');
    expect((await world.clock.until(first)).isOk()).toBe(true);
    expect(await closeAll(world, a)).toEqual([]);
  });

  it('is a new one after a day, and on another stage', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const stages = { dev: { port: 3000 }, prod: { port: 3000 } };
    const a = await deployerIn(world, { projects: { shop: { image: IMAGE, stages } } });
    const first = await world.clock.until(unwrap(a.deploy(KEYED)));
    const prod = await world.clock.until(unwrap(a.deploy({ ...KEYED, stage: 'prod' })));
    expect(prod.id).not.toBe(first.id);
    world.clock.jump(86_400_000 - 60_000);
    expect((await world.clock.until(unwrap(a.deploy(KEYED)))).id).toBe(first.id);
    world.clock.jump(60_000);
    const next = await world.clock.until(unwrap(a.deploy(KEYED)));
    expect(next).toMatchObject({ status: 'unchanged' });
    expect((await world.clock.until(unwrap(a.deploy(KEYED)))).id).toBe(next.id);
    await world.clock.until(a.close());
  });

  it('of a roll back goes nowhere a second time', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const a = await deployerIn(world);
    await settled(world, a, 'v1');
    await settled(world, a, 'v2');
    const back = { ...DEV, idempotencyKey: 'panic' };
    const first = await world.clock.until(unwrap(a.rollBack(back)));
    expect(first).toMatchObject({ tag: 'v1', status: 'succeeded' });
    // It would toggle otherwise.
    expect(await world.clock.until(unwrap(a.rollBack(back)))).toMatchObject({ id: first.id, tag: 'v1' });
    const other = await errorOf(world, a.rollBack({ ...back, to: 'v2' }));
    expect(other.kind).toBe('idempotency-conflict');
    await world.clock.advance(60_000);
    expect(await closeAll(world, a)).toEqual([]);
  });
});

describe('another request under the same key', () => {
  it.each([
    ['tag', { tag: 'v2' }],
    ['force', { force: true }],
    ['policy', { policy: 'supersede' as const }],
    ['environment', { env: { A: '1' } }],
  ])('with another %s is refused, and names the deployment', async (_what, change) => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const a = await deployerIn(world, { sealer: memorySealer() });
    const first = await world.clock.until(unwrap(a.deploy(KEYED)));
    const error = await errorOf(world, a.submit({ ...KEYED, ...change }));
    expect(error).toMatchObject({ kind: 'idempotency-conflict', details: { deployment: first.id } });
    expect(await countOf(world)).toBe(1);
    expect(await closeAll(world, a)).toEqual([]);
  });
});

describe('a key', () => {
  it('is told by nothing what the environment of its request was', async () => {
    const hashes = [];
    for (const key of ['one key', 'another key']) {
      const world = memoryWorld();
      push(world, 'v1');
      const a = await deployerIn(world, { sealer: memorySealer(key) });
      await world.clock.until(unwrap(a.deploy({ ...KEYED, env: { PIN: '1234' } })));
      const again = await world.clock.until(unwrap(a.deploy({ ...KEYED, env: { PIN: '1234' } })));
      expect(again.status).toBe('succeeded');
      expect((await errorOf(world, a.deploy({ ...KEYED, env: { PIN: '1235' } }))).kind).toBe('idempotency-conflict');
      hashes.push((await unwrap(world.store.connect().list('idempotency', {}, forever)))[0]?.value.payload);
      await world.clock.until(a.close());
    }
    // Whoever has the store and not the key can try no guess.
    expect(hashes[0]).not.toBe(hashes[1]);
    expect(hashes[0]).not.toContain(hashText('1234'));
  });

  it.each(['', ' ', 'a b', 'ä', 'x'.repeat(201), 7])('is refused as %j', async (idempotencyKey) => {
    const world = memoryWorld();
    const a = await deployerIn(world);
    const error = await errorOf(world, a.submit({ ...KEYED, idempotencyKey } as never));
    expect(error).toMatchObject({ kind: 'invalid-request', issues: [{ path: 'idempotencyKey' }] });
    await world.clock.until(a.close());
  });
});
