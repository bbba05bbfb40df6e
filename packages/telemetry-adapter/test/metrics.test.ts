/** Prometheus scrapes a deployer: what it reads is in its format, and true. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Deployer } from '@quayside/core';
import { type OpenMetricsContentType, Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { type Telemetry, type TelemetryOptions, telemetry } from '../src/index.js';
import { readExposition, type Sample } from './support/exposition.js';
import { DEV, type World, world } from './support/world.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const meter = (options: TelemetryOptions = {}): Telemetry => {
  const made = telemetry({ stateEvery: 0, ...options })._unsafeUnwrap();
  ends.push(() => made.close());
  return made;
};
const opened = async (at: World): Promise<Deployer> => {
  const deployer = await at.open();
  ends.push(() => at.until(deployer.close()));
  return deployer;
};
const scraped = async (made: Telemetry) => {
  const families = readExposition(await made.metrics());
  const samples = (name: string): readonly Sample[] =>
    [...families.values()].flatMap((family) => family.samples).filter((sample) => sample.name === `quayside_${name}`);
  return {
    families,
    samples,
    /** Of the one sample that has these labels; undefined: there is none. */
    value: (name: string, labels: Record<string, string> = {}) => {
      const found = samples(name).filter((sample) =>
        Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
      );
      expect(found.length, `${name} ${JSON.stringify(labels)}`).toBeLessThanOrEqual(1);
      return found[0]?.value;
    },
  };
};
const deploy = (at: World, deployer: Deployer, tag: string, stage = 'dev') =>
  at.until(deployer.deploy({ ...DEV, stage, tag }));

describe('what this process did', () => {
  it('counts deployments by how they ended, and measures them, their steps and their wait for health', async () => {
    const at = world();
    const deployer = await opened(at);
    const made = meter({ store: at.store });
    made.observe(deployer);
    at.push('v1', { listensAfterMs: 2_000 });
    at.push('v2', { listensAfterMs: null, exitsAfterMs: 1_000, exitCode: 3 });
    expect((await deploy(at, deployer, 'v1')).isOk()).toBe(true);
    expect((await deploy(at, deployer, 'v2')).isErr()).toBe(true);
    expect((await deploy(at, deployer, 'v1'))._unsafeUnwrap().status).toBe('unchanged');

    const { value } = await scraped(made);
    const dev = { project: 'shop', stage: 'dev' };
    for (const status of ['succeeded', 'failed', 'unchanged'])
      expect(value('deployments_total', { ...dev, kind: 'deploy', status }), status).toBe(1);
    expect(value('deployment_duration_seconds_count', { ...dev, status: 'succeeded' })).toBe(1);
    expect(value('deployment_duration_seconds_sum', { ...dev, status: 'succeeded' })).toBeGreaterThanOrEqual(2);
    expect(value('health_wait_seconds_count', { ...dev, status: 'done' })).toBe(1);
    expect(value('health_wait_seconds_sum', { ...dev, status: 'done' })).toBeGreaterThanOrEqual(2);
    // Its verdict is the failure; that it was undone then is no other one.
    expect(value('health_wait_seconds_count', { ...dev, status: 'failed' })).toBe(1);
    expect(value('step_duration_seconds_count', { project: 'shop', step: 'pull', status: 'done' })).toBe(1);
    expect(value('step_duration_seconds_count', { project: 'shop', step: 'create', status: 'undone' })).toBe(1);
    expect(value('rollbacks_total', { ...dev, type: 'automatic' })).toBe(1);
    expect(value('queue_wait_seconds_count', dev)).toBe(3);
    expect(value('task_failures_total', { kind: 'retire' })).toBe(0);
    // There before it ever happens.
    expect(value('deployments_total', { ...dev, kind: 'deploy', status: 'abandoned' })).toBe(0);
  });

  it('counts rolls back and instances that retired', async () => {
    const at = world();
    const deployer = await opened(at);
    const made = meter();
    made.observe(deployer);
    for (const tag of ['v1', 'v2']) {
      at.push(tag);
      await deploy(at, deployer, tag);
      await at.clock.advance(120_000);
    }
    expect((await at.until(deployer.rollBack({ ...DEV }))).isOk()).toBe(true);
    await at.clock.advance(120_000);
    const { value } = await scraped(made);
    expect(value('rollbacks_total', { type: 'requested' })).toBe(1);
    expect(value('deployments_total', { kind: 'rollback', status: 'succeeded' })).toBe(1);
    expect(value('instances_retired_total', { reason: 'evicted' })).toBe(2);
  });

  it('is the same of a deployer that has the telemetry as a plugin, until it closes', async () => {
    const at = world();
    const made = telemetry({ store: at.store, stateEvery: 0 });
    const deployer = await at.open({ plugins: [made] });
    at.push('v1');
    await deploy(at, deployer, 'v1');
    const { value } = await scraped(made._unsafeUnwrap());
    expect(value('deployments_total', { status: 'succeeded' })).toBe(1);
    expect(value('instances', { state: 'running' })).toBe(1);
    await at.until(deployer.close());
    // The store is closed with its deployer.
    expect((await scraped(made._unsafeUnwrap())).value('state_up')).toBe(0);
  });

  it('is not what another process did, which shares the store', async () => {
    const at = world();
    const [one, other] = [await opened(at), await opened(at)];
    const [ofOne, ofOther] = [meter({ store: at.store }), meter({ store: at.store })];
    ofOne.observe(one);
    ofOther.observe(other);
    at.push('v1');
    await deploy(at, one, 'v1');
    const [first, second] = [await scraped(ofOne), await scraped(ofOther)];
    expect(first.value('deployments_total', { status: 'succeeded' })).toBe(1);
    expect(second.value('deployments_total', { status: 'succeeded' })).toBeUndefined();
    for (const { value } of [first, second]) {
      expect(value('instances', { state: 'running' })).toBe(1);
      expect(value('hosts')).toBe(1);
    }
  });

  it('of any number of previews is a few series, and of too many stages one more', async () => {
    const at = world();
    const deployer = await opened(at);
    const [bounded, own] = [meter({ seriesMax: 2 }), meter({ seriesMax: 2, stageLabel: (stage) => stage })];
    bounded.observe(deployer);
    own.observe(deployer);
    at.push('v1');
    for (const stage of ['pr-1', 'pr-2', 'pr-3', 'dev']) await deploy(at, deployer, 'v1', stage);
    const stages = async (made: Telemetry) =>
      (await scraped(made))
        .samples('deployments_total')
        .filter(({ labels }) => labels['status'] === 'succeeded')
        .map(({ labels, value }) => [labels['stage'], value]);
    expect(await stages(bounded)).toEqual([
      ['pr-*', 3],
      ['dev', 1],
    ]);
    expect(await stages(own)).toEqual([
      ['pr-1', 1],
      ['pr-2', 1],
      ['other', 2],
    ]);
  });

  it('is counted no more once it is not observed, and leaves the registry with the telemetry', async () => {
    const at = world();
    const deployer = await opened(at);
    const registry = new Registry();
    const made = meter({ registry });
    const stop = made.observe(deployer);
    stop();
    stop();
    at.push('v1');
    await deploy(at, deployer, 'v1');
    expect((await scraped(made)).samples('deployments_total')).toEqual([]);
    expect(telemetry({ registry })._unsafeUnwrapErr().issues).toMatchObject([{ path: 'telemetry.prefix' }]);
    made.close();
    made.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
    expect(telemetry({ registry }).isOk()).toBe(true);
  });
});

describe('what the store holds', () => {
  it('shows what waits and runs, with its leases, and who is open', async () => {
    const at = world();
    const deployer = await opened(at);
    const made = meter({ store: at.store });
    at.push('v1', { listensAfterMs: 20_000 });
    const handles = [];
    for (const force of [false, true]) {
      handles.push(deployer.submit({ ...DEV, tag: 'v1', force }));
      await at.clock.advance(1_000);
    }
    const during = await scraped(made);
    expect(during.value('state_up')).toBe(1);
    expect(during.value('deployments_active', { status: 'queued' })).toBe(1);
    expect(during.value('deployments_active', { status: 'running' })).toBe(1);
    expect(during.value('deployments_active', { status: 'rolling-back' })).toBe(0);
    expect(during.value('queue_oldest_timestamp_seconds')).toBeCloseTo((at.clock.now() - 1_000) / 1_000, 0);
    expect(during.value('leases', { kind: 'stage' })).toBe(1);
    expect(during.value('hosts')).toBe(1);
    for (const handle of handles) await at.until((await handle)._unsafeUnwrap().result);
    await at.clock.advance(120_000);
    const after = await scraped(made);
    expect(after.value('deployments_active', { status: 'queued' })).toBe(0);
    expect(after.samples('queue_oldest_timestamp_seconds')).toEqual([]);
    expect(after.value('leases', { kind: 'stage' })).toBe(0);
    expect(after.value('instances', { state: 'running' })).toBe(1);
  });

  it('shows tasks and messages that are pending, per notifier', async () => {
    const at = world();
    const made = meter({ store: at.store });
    const away = { kind: 'notify-failed', message: 'away', hint: 'wait', retryable: true } as const;
    const { errAsync } = await import('neverthrow');
    const deployer = await at.open({ notifiers: [{ name: 'ops', notify: () => errAsync(away) }] });
    ends.push(() => at.until(deployer.close()));
    made.observe(deployer);
    await at.clock.advance(10_000);
    expect((await scraped(made)).value('notifications_pending', { notifier: 'ops' })).toBe(0);
    at.push('v1');
    await deploy(at, deployer, 'v1');
    await at.clock.advance(1_000);
    const { value } = await scraped(made);
    expect(value('notifications_pending', { notifier: 'ops' })).toBe(1);
    expect(value('tasks_pending', { kind: 'notify' })).toBe(1);
    expect(value('tasks_failing', { kind: 'notify' })).toBe(1);
    expect(value('tasks_pending', { kind: 'retire' })).toBe(0);
    expect(value('task_failures_total', { kind: 'notify' })).toBeGreaterThanOrEqual(1);
  });

  it('is read once for all gauges and all who ask, and again only after a while', async () => {
    const at = world();
    let lists = 0;
    const store = {
      ...at.store,
      list: ((...given: Parameters<typeof at.store.list>) => {
        lists += 1;
        return at.store.list(...given);
      }) as typeof at.store.list,
    };
    const made = meter({ store, stateEvery: 60_000 });
    await made.metrics();
    const once = lists;
    expect(once).toBeGreaterThan(5);
    expect(once).toBeLessThan(20);
    await Promise.all([made.metrics(), made.metrics()]);
    expect(lists).toBe(once);
  });

  it('that cannot be read is told, within a limit, and never shown as it was', async () => {
    const at = world();
    const made = meter({ store: at.store });
    expect((await scraped(made)).value('hosts')).toBe(0);
    const { errAsync, ResultAsync } = await import('neverthrow');
    const away = { kind: 'store-unavailable', message: 'away', hint: 'wait', retryable: true } as const;
    let mood: 'away' | 'hangs' | 'throws' = 'away';
    const list = (() => {
      if (mood === 'throws') throw new Error('oh');
      return mood === 'away' ? errAsync(away) : new ResultAsync(new Promise<never>(() => undefined));
    }) as unknown as typeof at.store.list;
    const broken = meter({ store: { ...at.store, list }, stateTimeout: 100 });
    for (mood of ['away', 'hangs', 'throws'] as const) {
      const beganMs = performance.now();
      const { value, samples } = await scraped(broken);
      expect(value('state_up')).toBe(0);
      for (const gone of ['hosts', 'leases', 'tasks_pending', 'deployments_active', 'instances'])
        expect(samples(gone)).toEqual([]);
      expect(performance.now() - beganMs).toBeLessThan(1_000);
    }
  });
});

describe('a scrape', () => {
  it('over HTTP is what Prometheus reads, and anything but a question is refused', async () => {
    const at = world();
    const deployer = await opened(at);
    const made = meter({ store: at.store });
    made.observe(deployer);
    at.push('v"1\\');
    at.push('v1');
    await deploy(at, deployer, 'v1');
    const server = createServer(async ({ method = '' }, response) => {
      const answer = await made.handle(new Request('http://localhost/metrics', { method }));
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => new Promise((resolve) => server.close(resolve)));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
    const answer = await fetch(url);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const families = readExposition(await answer.text());
    expect([...families.keys()].every((name) => name.startsWith('quayside_'))).toBe(true);
    expect(families.get('quayside_deployments_total')?.samples.filter(({ value }) => value === 1)).toHaveLength(1);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(url, { method: 'POST', body: '' })).status).toBe(405);
  });

  it('in OpenMetrics ends as that has to', async () => {
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const made = meter({ registry });
    expect(made.contentType).toContain('application/openmetrics-text');
    expect((await made.metrics()).endsWith('# EOF\n')).toBe(true);
  });
});

it('wrong options are named all at once', () => {
  const error = telemetry({
    prefix: '1-',
    seriesMax: 0,
    store: {},
    tracer: {},
    registry: {},
  } as never)._unsafeUnwrapErr();
  expect(error.issues.map(({ path }) => path).sort()).toEqual(
    ['prefix', 'registry', 'seriesMax', 'store', 'tracer'].map((name) => `telemetry.${name}`),
  );
});
