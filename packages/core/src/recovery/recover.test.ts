import { describe, expect, it } from 'vitest';
import { brokenPromises, DEFAULT, DEV, deployerIn, IMAGE, mortalWorld, push, settled } from '../deployer/testbed.js';
import { unwrap } from '../domain/errors.js';
import { routeMark } from '../domain/names.js';
import type { JournalRecord } from '../domain/records.js';
import { memoryEngine, memoryProxy, memoryRuntime, memoryWorld, outage, withFaults } from '../testing/index.js';
import {
  another,
  DEATHS,
  died,
  events,
  FOREVER,
  hasContainer,
  NOTHING,
  QUIET_MS,
  record,
  recovered,
  TTL_MS,
} from './testbed.js';

describe('recover()', () => {
  it('has nothing to say where nothing was left', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const deployer = await deployerIn(world, { recover: 'manual' });
    await settled(world, deployer, 'v1');
    const told: unknown[] = [];
    deployer.on('recovery.finished', ({ report }) => told.push(report));
    expect(await recovered(world, deployer)).toEqual(NOTHING);
    expect(told).toEqual([NOTHING]);
    await world.clock.until(deployer.close());
  });

  it('rolls back what a dead host had begun, as soon as its lease can be taken over', async () => {
    const { world, id } = await died(DEATHS.moved);
    expect(world.proxy.request(DEFAULT).instance).toBe(id);
    const next = await another(world);
    const startMs = world.clock.monotonicMs();
    expect(await recovered(world, next)).toEqual({ ...NOTHING, settled: [{ deployment: id, status: 'failed' }] });
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(TTL_MS + QUIET_MS + 1_000);
    expect(await record(world, 'deployments', id)).toMatchObject({
      status: 'failed',
      cleanup: 'none',
      error: { kind: 'interrupted' },
    });
    expect(await recovered(world, next)).toEqual(NOTHING);
    await world.clock.until(next.close());
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('leaves alone what a live host is at, and says so at its first renewal', async () => {
    const world = memoryWorld();
    world.engine.push(`${IMAGE}:slow`, { listensAfterMs: 20_000 });
    const busy = await deployerIn(world);
    const deployment = busy.deploy({ ...DEV, tag: 'slow' });
    await world.clock.advance(1_000);
    const next = await another(world);
    const startMs = world.clock.monotonicMs();
    expect(await recovered(world, next)).toMatchObject({ ...NOTHING, busy: [expect.any(String)] });
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(10_000);
    expect((await world.clock.until(unwrap(deployment))).status).toBe('succeeded');
    await world.clock.until(Promise.all([busy.close(), next.close()]));
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('settles two hundred stages in the time of one', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const doomed = mortalWorld(world, { commit: 100_000, when: 'before' });
    const projects = { shop: { image: IMAGE, stages: { '*': { port: 3000 } } } };
    world.engine.push(`${IMAGE}:slow`, { listensAfterMs: 600_000 });
    const first = await deployerIn(world, { ...doomed.ports, projects });
    for (let n = 0; n < 200; n += 1) await unwrap(first.submit({ project: 'shop', stage: `s${n}`, tag: 'slow' }));
    await world.clock.advance(2_000);
    expect(world.engine.containers.size).toBe(200);
    doomed.kill();
    doomed.bury();
    const next = await another(world, { projects });
    const startMs = world.clock.monotonicMs();
    const { settled: all } = await recovered(world, next);
    expect(all).toHaveLength(200);
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(TTL_MS + QUIET_MS + 1_000);
    await world.clock.until(next.close());
    expect(world.engine.containers.size).toBe(0);
    expect(await unwrap(world.store.connect().list('journals', {}, FOREVER))).toEqual([]);
  }, 30_000);

  it('leaves what was made through another engine, and says once what it takes', async () => {
    const { world, id } = await died(DEATHS.routed);
    const engine = memoryEngine(world.clock, { identity: 'engine-2' });
    const elsewhere = await another(world, { runtime: memoryRuntime(engine) });
    const reason = 'It takes a host with the engine engine-1.';
    for (let time = 0; time < 2; time += 1)
      expect(await recovered(world, elsewhere)).toEqual({ ...NOTHING, needsHost: [{ deployment: id, reason }] });
    expect(await record(world, 'deployments', id)).toMatchObject({
      status: 'failed',
      cleanup: 'pending',
      needsHost: reason,
    });
    expect(await events(world, 'deployment.needs-host')).toMatchObject([{ payload: { reason } }]);
    expect(hasContainer(world, id)).toBe(true);

    const next = await another(world);
    expect(await recovered(world, next)).toEqual({ ...NOTHING, settled: [{ deployment: id, status: 'failed' }] });
    expect(await record(world, 'deployments', id)).toMatchObject({ cleanup: 'done', left: [], needsHost: null });
    await world.clock.until(Promise.all([elsewhere.close(), next.close()]));
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('leaves a step of another version, and all before it', async () => {
    const { world, id } = await died(DEATHS.routed);
    const store = world.store.connect();
    const journal = (await unwrap(store.get('journals', id, FOREVER))) as { value: JournalRecord; version: number };
    const entries = journal.value.entries.map((entry) => (entry.step === 'start' ? { ...entry, version: 2 } : entry));
    const newer = { ...journal.value, entries };
    await unwrap(
      store.commit([{ op: 'put', collection: 'journals', record: newer, version: journal.version }], FOREVER),
    );
    const next = await another(world);
    const reason = 'It takes a host that knows step "start" in version 2.';
    expect(await recovered(world, next)).toEqual({ ...NOTHING, needsHost: [{ deployment: id, reason }] });
    expect(await record(world, 'deployments', id)).toMatchObject({ status: 'failed', needsHost: reason });
    expect((await unwrap(store.get('journals', id, FOREVER)))?.value.entries.at(-1)?.step).toBe('start');
    expect(hasContainer(world, id)).toBe(true);
    await world.clock.until(next.close());
  });

  it('ends what it cannot undo while the engine is down, says what is left, and finishes it later', async () => {
    const { world, id } = await died(DEATHS.routed);
    let isDown = true;
    const runtime = withFaults(world.runtime, {
      clock: world.clock,
      error: outage.runtime,
      plan: () => (isDown ? { kind: 'fail-before' } : undefined),
    }).port;
    const next = await another(world, { runtime });
    const report = await recovered(world, next);
    expect(report).toMatchObject({ ...NOTHING, unfinished: [id], blind: expect.any(Array) });
    expect(report.blind.length).toBeGreaterThan(0);
    const ended = await record(world, 'deployments', id);
    expect(ended).toMatchObject({ status: 'failed', cleanup: 'pending' });
    expect(ended?.left).toEqual([
      'route stage-dev-shop-v2.apps.test',
      expect.stringMatching(/^container shop-dev-v2-/),
      'network apps, if it is ours',
      expect.stringMatching(/^image registry.test\/shop@sha256:/),
      'domain stage-dev-shop-v2.apps.test, claimed',
    ]);
    isDown = false;
    expect(await recovered(world, next)).toMatchObject({ settled: [{ deployment: id, status: 'failed' }], blind: [] });
    expect(await record(world, 'deployments', id)).toMatchObject({ cleanup: 'done', left: [] });
    expect(await events(world, 'deployment.cleaned')).toHaveLength(1);
    await world.clock.until(next.close());
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('tells of what is nobody’s, and touches none of it', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const deployer = await deployerIn(world, { recover: 'manual' });
    await settled(world, deployer, 'v1');
    const [ours] = [...world.engine.containers.values()];
    if (!ours) throw new Error('nothing runs');
    const name = 'shop-dev-v0-gone';
    const owner = { storeId: deployer.storeId, deployment: '000000000000000000' };
    world.engine.containers.set(name, { ...ours, spec: { ...ours.spec, name, owner } });
    const domain = 'gone.apps.test';
    world.proxy.disturb(domain, {
      domain,
      mark: routeMark(deployer.storeId, domain),
      targets: [{ instance: owner.deployment, host: name, port: 3000 }],
    });
    const unowned = { containers: [name], routes: [domain] };
    expect(await recovered(world, deployer)).toEqual({ ...NOTHING, unowned });
    expect(world.engine.containers.has(name)).toBe(true);
    expect(world.proxy.request(domain).status).toBe(200);
    await world.clock.until(deployer.close());
  });

  it('leads routes to where their instances are now, and takes off those of what is lost', async () => {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const proxy = memoryProxy(world.engine, { reaches: [{ kind: 'address', node: '*' }] });
    const deployer = await another(world, { proxy });
    for (const tag of ['v1', 'v2']) await settled(world, deployer, tag);
    const [v1, v2] = [...world.engine.containers.values()];
    if (!v1 || !v2) throw new Error('they do not run');
    await unwrap(world.runtime.remove(v1.spec, FOREVER));
    world.engine.stop(v2, 0);
    world.engine.start(v2);
    const tagged = (tag: string) => `stage-dev-shop-${tag}.apps.test`;
    const report = await recovered(world, deployer);
    expect(report).toEqual({ ...NOTHING, healed: expect.any(Array), lost: [v1.spec.owner.deployment] });
    expect(report.healed.toSorted()).toEqual([tagged('v2'), DEFAULT].toSorted());
    expect(proxy.request(DEFAULT)).toEqual({ status: 200, instance: v2.spec.owner.deployment });
    expect(proxy.request(tagged('v1')).status).toBe(404);
    expect(await recovered(world, deployer)).toEqual(NOTHING);
    await world.clock.until(deployer.close());
  });

  it('at the start is in the background: it delays nothing, and ends with close()', async () => {
    const { world, id } = await died(DEATHS.routed);
    const next = await another(world, { recover: 'on-start' });
    await world.clock.advance(5_000);
    const startMs = world.clock.monotonicMs();
    await world.clock.until(next.close());
    expect(world.clock.monotonicMs()).toBe(startMs);
    expect(world.clock.pending).toBe(0);
    expect(await record(world, 'deployments', id)).toMatchObject({ status: 'running' });

    const patient = await another(world, { recover: 'on-start' });
    const finished = new Promise((resolve) => patient.once('recovery.finished', ({ report }) => resolve(report)));
    expect(await world.clock.until(finished)).toMatchObject({ settled: [{ deployment: id, status: 'failed' }] });
    await world.clock.until(patient.close());
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('of a host that goes on living comes again with its beats', async () => {
    const world = memoryWorld();
    const witness = await another(world, { recover: 'on-start' });
    await world.clock.advance(1_000);
    const { id } = await died(DEATHS.routed, { world });
    await world.clock.advance(TTL_MS + 20_000 + QUIET_MS);
    expect(await record(world, 'deployments', id)).toMatchObject({ status: 'failed', cleanup: 'none' });
    await world.clock.until(witness.close());
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('takes up the tasks of others, at its start and with its beats', async () => {
    const world = memoryWorld();
    const witness = await another(world, { recover: 'on-start' });
    await world.clock.advance(1_000);
    push(world, 'v1', 'v2');
    const doomed = mortalWorld(world, { commit: 100_000, when: 'before' });
    const projects = { shop: { image: IMAGE, stages: { dev: { port: 3000, maxInstances: 1 } } } };
    const first = await deployerIn(world, { ...doomed.ports, projects });
    await settled(world, first, 'v1');
    first.on('instance.retiring', () => doomed.kill());
    void first.deploy({ ...DEV, tag: 'v2' });
    await world.clock.until(doomed.death);
    doomed.bury();
    expect(world.engine.containers.size).toBe(2);
    await world.clock.advance(120_000);
    expect(world.engine.containers.size).toBe(1);
    await world.clock.until(witness.close());
    expect(await brokenPromises(world)).toEqual([]);
  });
});

describe('a second proxy', () => {
  it('is no place to look for what the first one holds', async () => {
    const { world, id } = await died(DEATHS.moved);
    const proxy = memoryProxy(world.engine, { identity: 'proxy-2' });
    const elsewhere = await another(world, { proxy });
    const reason = 'It takes a host with the proxy proxy-1.';
    expect(await recovered(world, elsewhere)).toMatchObject({ needsHost: [{ deployment: id, reason }] });
    expect(world.proxy.request(DEFAULT).instance).toBe(id);
    await world.clock.until(elsewhere.close());
  });
});
