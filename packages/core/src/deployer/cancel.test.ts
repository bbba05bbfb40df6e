/** A cancel at every call of every port in turn, before it and after it worked: the deployment is undone, or was past its commit. */
import { ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import type { MemoryWorld } from '../testing/index.js';
import { brokenPromises, DEFAULT, DEV, deployerIn, IMAGE, push, quickWorld, settled, watchTraffic } from './testbed.js';

const PORTS = ['runtime', 'proxy', 'registry', 'probe', 'store'] as const;
const METHODS = /^(commit|get|list|read|create|start|stop|remove|inspect|image|pull|put|prove|check|resolve)$/;

/** The world's ports, which tell of each call before it is made and after it is answered. */
function overheard(world: MemoryWorld, hear: () => void) {
  const wrap = <P extends object>(port: P): P =>
    new Proxy(port, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function' || !METHODS.test(String(property))) return value;
        return (...args: unknown[]) => {
          hear();
          const answer = Reflect.apply(value, target, args) as ResultAsync<unknown, unknown>;
          // The answer is on its way while the cancel comes.
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
  return Object.fromEntries(PORTS.map((name) => [name, wrap(world[name] as object)]));
}

async function run(replace: 'start-first' | 'stop-first', at: number) {
  const world = quickWorld();
  push(world, 'v1', 'v2', 'v9');
  world.engine.push(`${IMAGE}:v2`, { body: 'v2', listensAfterMs: 30 });
  const cancel = new AbortController();
  let heard = 0;
  let isArmed = false;
  const ports = overheard(world, () => {
    if (isArmed && ++heard === at) cancel.abort();
  });
  const projects = { shop: { image: IMAGE, stages: { dev: { port: 3000, replace } } } };
  const deployer = await deployerIn(world, { ...ports, projects });
  await settled(world, deployer, 'v1');
  const before = world.proxy.request(DEFAULT).instance;
  const traffic = replace === 'stop-first' ? () => [] : watchTraffic(world);
  isArmed = true;
  const ended = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v2' }, { signal: cancel.signal }), 3_600_000);
  isArmed = false;
  const hasCancelled = heard >= at;
  const broken = [...traffic()];
  const { items } = await unwrap(deployer.deployments.list());
  const status = items.find(({ tag }) => tag === 'v2')?.status;
  if (ended.isErr()) {
    if (status !== 'cancelled' || ended.error.kind !== 'cancelled')
      broken.push(`it is ${status}, and the answer is ${ended.error.kind}: ${ended.error.message}`);
    if (world.engine.containers.size !== 1) broken.push(`${world.engine.containers.size} containers`);
    if (world.proxy.request(DEFAULT).instance !== before) broken.push('the default route has moved');
  } else if (status !== 'succeeded') broken.push(`it answered ok, and is ${status}`);
  await world.clock.advance(60_000);
  broken.push(...(await brokenPromises(world)));
  await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: 'v9' })));
  await world.clock.advance(60_000);
  broken.push(...(await brokenPromises(world)));
  await world.clock.until(deployer.close());
  if (world.clock.pending > 0) broken.push(`${world.clock.pending} timers are left`);
  return { broken, hasCancelled };
}

describe.each(['start-first', 'stop-first'] as const)('a cancel, %s', (replace) => {
  it('leaves nothing behind, whenever it comes', { timeout: 60_000 }, async () => {
    const found: string[] = [];
    let at = 1;
    for (; ; at += 1) {
      const { broken, hasCancelled } = await run(replace, at).catch((thrown: unknown) => ({
        broken: [`stuck: ${thrown}`],
        hasCancelled: true,
      }));
      if (broken.length > 0) found.push(`at ${at}: ${broken.join(' | ')}`);
      if (!hasCancelled) break;
    }
    expect(at).toBeGreaterThan(80);
    expect(found).toEqual([]);
  });
});

describe('a cancel in the queue', () => {
  it('is answered at once, and the one before goes on', async () => {
    const world = quickWorld();
    world.engine.push(`${IMAGE}:slow`, { listensAfterMs: 4_000 });
    push(world, 'v1');
    const deployer = await deployerIn(world);
    const first = deployer.deploy({ ...DEV, tag: 'slow' });
    await world.clock.advance(100);
    const cancel = new AbortController();
    const second = deployer.deploy({ ...DEV, tag: 'v1' }, { signal: cancel.signal });
    await world.clock.advance(100);
    cancel.abort();
    const startMs = world.clock.monotonicMs();
    const ended = await world.clock.until(second);
    expect(ended._unsafeUnwrapErr()).toMatchObject({ kind: 'cancelled', deployment: { status: 'cancelled' } });
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(100);
    expect((await world.clock.until(first)).isOk()).toBe(true);
    await world.clock.advance(10_000);
    expect(await brokenPromises(world)).toEqual([]);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });
});
