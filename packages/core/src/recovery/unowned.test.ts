import { describe, expect, it } from 'vitest';
import { DEFAULT, DEV, deployerIn, IMAGE, push } from '../deployer/testbed.js';
import { type AnyError, unwrap } from '../domain/errors.js';
import { routeMark } from '../domain/names.js';
import type { Host } from '../flow/host.js';
import { guard } from '../kernel/routine.js';
import type { ContainerSpec } from '../ports/container-runtime.js';
import { type MemoryWorld, memoryWorld, outage, withFaults } from '../testing/index.js';
import { findUnowned } from './unowned.js';

const forever = { signal: new AbortController().signal };

const hostOf = async (world: MemoryWorld, more: Partial<Host> = {}): Promise<Host> =>
  ({
    call: (_what, signal, work) => guard(() => work({ signal })),
    proxy: world.proxy,
    runtime: world.runtime,
    store: world.store,
    storeId: await unwrap(world.store.storeId(forever)),
    ...more,
  }) as Host;

/** A container at the engine that no record of the store knows. */
async function stray(world: MemoryWorld, deployment: string, storeId?: string): Promise<string> {
  const spec = {
    name: `stray-${deployment}`,
    owner: { storeId: storeId ?? (await unwrap(world.store.storeId(forever))), deployment },
    ...{ project: 'shop', stage: 'dev', tag: 'v1', image: IMAGE, env: {}, port: 3000, expose: [], options: null },
    ...{ labels: {}, networks: [], mounts: [], ports: [], restart: 'no', stopGraceMs: 1_000 },
  } as unknown as ContainerSpec;
  world.engine.containers.set(spec.name, {
    ...{ spec, networks: new Set<string>(), state: 'created', address: '', hostPort: 0, startedMs: 0 },
    ...{ exitCode: null, oomKilled: false, restarts: 0, lines: [], cancelExit: undefined },
  });
  return spec.name;
}

async function found(host: Host) {
  const { containers, routes, blind } = await unwrap(findUnowned(host, forever.signal));
  return { containers: containers.map(({ name }) => name), routes: routes.map(({ domain }) => domain), blind };
}

const NOTHING = { containers: [], routes: [], blind: [] };

describe('what is unowned', () => {
  it('is what carries our mark and belongs to no record: nothing of what runs, and nothing of anybody else', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const deployer = await deployerIn(world);
    await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: 'v1' })));
    const host = await hostOf(world);
    expect(await found(host)).toEqual(NOTHING);

    await stray(world, 'another-stores', 'otherstore00');
    const name = await stray(world, '000000000000000000');
    const target = { instance: '000000000000000000', host: name, port: 3000 };
    world.proxy.disturb('lost.apps.test', {
      domain: 'lost.apps.test',
      mark: routeMark(host.storeId, 'lost.apps.test'),
      targets: [target],
    });
    world.proxy.disturb('theirs.test', { domain: 'theirs.test', mark: null, targets: [target] });
    expect(await found(host)).toEqual({ containers: [name], routes: ['lost.apps.test'], blind: [] });
    await world.clock.until(deployer.close());
  });

  it('is nothing of a deployment that is under way, at whatever moment it is looked for', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const store = world.store.connect();
    const host = await hostOf(world, { store });
    const seen: unknown[] = [];
    const look = async (): Promise<void> => {
      const unowned = await unwrap(findUnowned(host, forever.signal));
      if (unowned.containers.length + unowned.routes.length > 0) seen.push(unowned);
    };
    const looks: Promise<void>[] = [];
    store.subscribe?.(() => void looks.push(look()));
    const { emit } = world.engine;
    world.engine.emit = (event) => {
      emit.call(world.engine, event);
      looks.push(look());
    };
    const deployer = await deployerIn(world, {
      projects: { shop: { image: IMAGE, stages: { dev: { port: 3000, maxInstances: 1 } } } },
    });
    for (const tag of ['v1', 'v2']) await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag })));
    await world.clock.advance(60_000);
    await Promise.all(looks);
    expect(looks.length).toBeGreaterThan(20);
    expect(seen).toEqual([]);
    await world.clock.until(deployer.close());
  });

  it('is nothing that an open journal names, or that a task is there to remove', async () => {
    const world = memoryWorld();
    const host = await hostOf(world);
    const first = await stray(world, 'journalled');
    await stray(world, 'retiring');
    const domain = DEFAULT;
    world.proxy.disturb(domain, { domain, mark: routeMark(host.storeId, domain), targets: [] });
    const identities = { runtime: 'engine-1', proxy: 'proxy-1' };
    const entries = [
      { step: 'create', version: 1, state: 'open', intent: { container: first, networks: [] } },
      { step: 'cutover', version: 1, state: 'open', intent: { next: 'x', moves: [{ domain }] } },
    ] as const;
    const task = {
      ...{ stageKey: 's', deployment: null, identities, attempts: 0, dueAt: 0, createdAt: 0 },
      lastError: null,
    };
    await unwrap(
      host.store.commit(
        [
          { op: 'insert', collection: 'journals', record: { id: 'other', stageKey: 's', entries, identities } },
          {
            op: 'insert',
            collection: 'tasks',
            record: { ...task, id: 't', kind: 'retire', subject: 'retiring', reason: 'evicted', domains: [] },
          },
        ],
        forever,
      ),
    );
    expect(await found(host)).toEqual(NOTHING);
    await unwrap(host.store.commit([{ op: 'remove', collection: 'journals', id: 'other' }], forever));
    expect(await found(host)).toEqual({ containers: [first], routes: [domain], blind: [] });
  });

  it('is not known where the engine or the proxy does not answer, and that is told', async () => {
    const world = memoryWorld();
    const proxy = withFaults(world.proxy, { clock: world.clock, error: outage.proxy });
    proxy.inject('list', { kind: 'fail-before' });
    const host = await hostOf(world, { proxy: proxy.port });
    const name = await stray(world, 'lost');
    const { held, containers, blind } = await unwrap(findUnowned(host, forever.signal));
    expect([held, containers.map((each) => each.name), blind.length]).toEqual([null, [name], 1]);
    const gone = findUnowned(host, AbortSignal.abort());
    expect(((await gone)._unsafeUnwrapErr() as AnyError).kind).toBe('aborted');
  });
});
