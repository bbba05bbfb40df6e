/** Logs, events, results and lists: live, from any process, page by page; and what a deployer promises of order and of its end. */
import { describe, expect, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import { memoryWorld } from '../testing/index.js';
import { brokenPromises, DEFAULT, DEV, deployerIn, IMAGE, push, settled } from './testbed.js';

async function collect<T>(items: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const item of items) into.push(item);
  return into;
}

describe('logs', () => {
  it('are followed live from another process, and end behind the terminal entry', async () => {
    const world = memoryWorld();
    world.engine.push(`${IMAGE}:v1`, { listensAfterMs: 3_000 });
    const runs = await deployerIn(world);
    const looks = await deployerIn(world, { store: world.store.connect() });
    const { id, result } = await world.clock.until(unwrap(runs.submit({ ...DEV, tag: 'v1' })));
    const seen: { seq: number; message: string }[] = [];
    const following = collect(looks.logs(id, { follow: true }), seen as never);
    await world.clock.advance(1_000);
    expect(seen.length).toBeGreaterThan(2);
    const early = seen.length;
    await world.clock.until(following);
    expect((await result).isOk()).toBe(true);
    expect(seen.length).toBeGreaterThan(early);
    expect(seen.at(-1)?.message).toMatch(/^v1 is live on shop\/dev after \d/);
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1));
    expect((await collect(looks.logs(id, { after: 3 }))).map(({ seq }) => seq)).toEqual(
      seen.slice(3).map(({ seq }) => seq),
    );
    for (const each of [runs, looks]) await world.clock.until(each.close());
    expect(world.clock.pending).toBe(0);
  });

  it('end quietly when they are aborted, and throw for what there is not', async () => {
    const world = memoryWorld();
    world.engine.push(`${IMAGE}:v1`, { listensAfterMs: null });
    const deployer = await deployerIn(world);
    const { id } = await world.clock.until(unwrap(deployer.submit({ ...DEV, tag: 'v1' })));
    const stop = new AbortController();
    const following = collect(deployer.logs(id, { follow: true, signal: stop.signal }));
    await world.clock.advance(500);
    stop.abort();
    expect((await following).length).toBeGreaterThan(0);
    await expect(collect(deployer.logs('0'.repeat(18)))).rejects.toMatchObject({ kind: 'unknown-deployment' });
    await expect(collect(deployer.instanceLogs('0'.repeat(18)))).rejects.toMatchObject({ kind: 'unknown-instance' });
    await world.clock.until(deployer.close({ running: 'cancel' }));
    expect(world.clock.pending).toBe(0);
    expect(await brokenPromises(world)).toEqual([]);
  });
});

it('events go on behind a place, without a gap, for every process', async () => {
  const world = memoryWorld();
  push(world, 'v1', 'v2');
  const deployer = await deployerIn(world);
  const stop = new AbortController();
  const seen: { seq: number; type: string }[] = [];
  const following = collect(deployer.events({ signal: stop.signal }), seen as never);
  await settled(world, deployer, 'v1');
  const middle = seen.at(-1)?.seq ?? 0;
  await settled(world, deployer, 'v2');
  stop.abort();
  await following;
  expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1));
  const again = new AbortController();
  const rest: typeof seen = [];
  const resumed = collect(deployer.events({ after: middle, signal: again.signal }), rest as never);
  await world.clock.advance(10);
  again.abort();
  await resumed;
  expect(rest).toEqual(seen.slice(middle));
  await world.clock.until(deployer.close());
});

it('a result can be waited for from anywhere, and the signal bounds the wait alone', async () => {
  const world = memoryWorld();
  world.engine.push(`${IMAGE}:v1`, { listensAfterMs: 3_000 });
  const runs = await deployerIn(world);
  const looks = await deployerIn(world, { store: world.store.connect() });
  const { id } = await world.clock.until(unwrap(runs.submit({ ...DEV, tag: 'v1' })));
  for (const each of [runs, looks]) {
    const impatient = new AbortController();
    const waiting = each.result(id, { signal: impatient.signal });
    await world.clock.advance(100);
    impatient.abort();
    expect((await world.clock.until(waiting))._unsafeUnwrapErr().kind).toBe('aborted');
  }
  const ends = await world.clock.until(Promise.all([runs.result(id), looks.result(id)]));
  for (const end of ends) expect(end._unsafeUnwrap()).toMatchObject({ id, status: 'succeeded' });
  for (const each of [runs, looks]) await world.clock.until(each.close());
  expect(world.clock.pending).toBe(0);
});

it('lists page by page, newest first, and filter', async () => {
  const world = memoryWorld();
  push(world, 'v1');
  const projects = { shop: { image: IMAGE, stages: { dev: { port: 3000 }, prod: { port: 3000 } } } };
  const deployer = await deployerIn(world, { projects });
  for (let index = 0; index < 7; index += 1)
    for (const stage of ['dev', 'prod'] as const)
      await world.clock.until(unwrap(deployer.deploy({ project: 'shop', stage, tag: 'v1' })));
  const ids: string[] = [];
  let pages = 0;
  for (let cursor: string | undefined; ; pages += 1) {
    const page = await unwrap(
      deployer.deployments.list({ ...DEV, limit: 3, ...(cursor === undefined ? {} : { cursor }) }),
    );
    ids.push(...page.items.map(({ id }) => id));
    for (const { stage } of page.items) expect(stage).toBe('dev');
    if (page.next === null) break;
    cursor = page.next;
  }
  expect(ids).toHaveLength(7);
  expect(ids).toEqual([...ids].sort().reverse());
  expect(pages).toBe(2);
  const count = async (query: Parameters<typeof deployer.deployments.list>[0]) =>
    (await unwrap(deployer.deployments.list(query))).items.length;
  expect(await count({ status: 'unchanged' })).toBe(12);
  expect(await count({ project: 'shop', status: 'succeeded' })).toBe(2);
  expect(await count({ ...DEV, status: 'unchanged' })).toBe(6);
  expect(await count({ stage: 'prod', limit: 2 })).toBe(2);
  expect(await count({ project: 'none' })).toBe(0);
  await world.clock.until(deployer.close());
});

describe('what plan says is what deploy does', () => {
  it.each([
    ['create', [], 'v1', 'succeeded', 1],
    ['unchanged', ['v1'], 'v1', 'unchanged', 1],
    ['cutover', ['v1', 'v2'], 'v1', 'succeeded', 2],
    ['create', ['v1', 'v2'], 'v3', 'succeeded', 2],
  ] as const)('%s after %j', async (action, before, tag, status, containers) => {
    const world = memoryWorld();
    push(world, 'v1', 'v2', 'v3');
    const deployer = await deployerIn(world);
    for (const each of before) await settled(world, deployer, each);
    const plan = await world.clock.until(unwrap(deployer.plan({ ...DEV, tag })));
    const running = (await unwrap(deployer.instances.list())).items.map(({ id }) => id);
    const done = await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag })));
    await world.clock.advance(60_000);
    expect(plan.action).toBe(action);
    expect(done.status).toBe(status);
    expect(done.digest).toBe(plan.digest);
    const left = (await unwrap(deployer.instances.list())).items.map(({ id }) => id);
    expect(running.filter((id) => !left.includes(id))).toEqual(plan.evicts.map(({ instance }) => instance));
    for (const { domain } of plan.domains) expect(world.proxy.request(domain).instance).toBe(done.instance);
    expect(world.engine.containers.size).toBe(containers);
    await world.clock.until(deployer.close());
  });
});

describe('how many, and in which order', () => {
  it('keeps the predecessor within its rollback window', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2', 'v3');
    const stages = { dev: { port: 3000, maxInstances: 1, rollbackWindow: '1h' as const } };
    const deployer = await deployerIn(world, { projects: { shop: { image: IMAGE, stages } } });
    for (const tag of ['v1', 'v2', 'v3']) await settled(world, deployer, tag);
    const tags = async () => (await unwrap(deployer.instances.list())).items.map(({ tag }) => tag).sort();
    expect(await tags()).toEqual(['v2', 'v3']);
    const back = await world.clock.until(unwrap(deployer.rollBack(DEV)));
    expect(back.steps.map(({ name }) => name)).toEqual(['health', 'cutover']);
    await world.clock.until(deployer.close());
  });

  it('a stage that shrinks from 50 instances to 1 lets 49 go, whatever one commit holds', async () => {
    const world = memoryWorld();
    let maxInstances = 50;
    const deployer = await deployerIn(world, {
      projects: () => ({ image: IMAGE, stages: { dev: { port: 3000, maxInstances } } }),
    });
    for (let index = 1; index <= 50; index += 1) {
      push(world, `v${index}`);
      await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: `v${index}` })));
    }
    expect(world.engine.containers.size).toBe(50);
    maxInstances = 1;
    push(world, 'last');
    const last = await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: 'last' })));
    expect(last).toMatchObject({ status: 'succeeded', cleanup: 'pending' });
    await world.clock.advance(120_000);
    expect(world.engine.containers.size).toBe(1);
    expect(world.proxy.request(DEFAULT)).toEqual({ status: 200, instance: last.id });
    expect(await brokenPromises(world)).toEqual([]);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });

  it('a whole stage of 50 instances and 40 domains is removed', { timeout: 30_000 }, async () => {
    const world = memoryWorld();
    const domains = Array.from({ length: 40 }, (_, index) => `d${index}.example.com`);
    const stages = { dev: { port: 3000, maxInstances: 50, domains } };
    const deployer = await deployerIn(world, { projects: { shop: { image: IMAGE, stages } } });
    for (let index = 1; index <= 50; index += 1) {
      push(world, `v${index}`);
      await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: `v${index}` })));
    }
    const { instances } = await world.clock.until(unwrap(deployer.remove(DEV)));
    expect(instances).toHaveLength(50);
    await world.clock.advance(120_000);
    expect(world.engine.containers.size).toBe(0);
    expect(await brokenPromises(world)).toEqual([]);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });

  it('one stage in the order of asking, different stages side by side', async () => {
    const world = memoryWorld();
    const projects = { shop: { image: IMAGE, stages: { dev: { port: 3000 }, prod: { port: 3000 } } } };
    const deployer = await deployerIn(world, { projects });
    for (const tag of ['v1', 'v2', 'v3']) world.engine.push(`${IMAGE}:${tag}`, { listensAfterMs: 2_000, body: tag });
    const order: string[] = [];
    deployer.on('deployment.succeeded', ({ deployment }) => order.push(`${deployment.stage} ${deployment.tag}`));
    const startMs = world.clock.monotonicMs();
    const all = ['v1', 'v2', 'v3'].flatMap((tag) =>
      (['dev', 'prod'] as const).map((stage) => unwrap(deployer.deploy({ project: 'shop', stage, tag }))),
    );
    await world.clock.until(Promise.all(all));
    expect(order.filter((each) => each.startsWith('dev'))).toEqual(['dev v1', 'dev v2', 'dev v3']);
    expect(order.filter((each) => each.startsWith('prod'))).toEqual(['prod v1', 'prod v2', 'prod v3']);
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(7_000);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });

  it('a close finishes what runs, and leaves what is queued in the queue', async () => {
    const world = memoryWorld();
    world.engine.push(`${IMAGE}:v1`, { listensAfterMs: 2_000 });
    push(world, 'v2');
    const deployer = await deployerIn(world);
    const first = deployer.deploy({ ...DEV, tag: 'v1' });
    const second = deployer.deploy({ ...DEV, tag: 'v2' });
    await world.clock.advance(500);
    await world.clock.until(deployer.close());
    expect((await first)._unsafeUnwrap()).toMatchObject({ status: 'succeeded' });
    expect((await second)._unsafeUnwrapErr()).toMatchObject({ kind: 'closed' });
    expect(world.clock.pending).toBe(0);
    const { items } = await unwrap((await deployerIn(world, { store: world.store.connect() })).deployments.list());
    expect(items.map(({ tag, status }) => [tag, status])).toEqual([
      ['v2', 'queued'],
      ['v1', 'succeeded'],
    ]);
  });

  it('a close that cancels undoes what runs', async () => {
    const world = memoryWorld();
    world.engine.push(`${IMAGE}:v1`, { listensAfterMs: null });
    const deployer = await deployerIn(world);
    const first = deployer.deploy({ ...DEV, tag: 'v1' });
    await world.clock.advance(500);
    await world.clock.until(deployer.close({ running: 'cancel' }));
    expect((await first)._unsafeUnwrapErr()).toMatchObject({ kind: 'cancelled', deployment: { status: 'cancelled' } });
    expect(world.engine.containers.size).toBe(0);
    expect(world.clock.pending).toBe(0);
    expect(await brokenPromises(world)).toEqual([]);
  });
});
