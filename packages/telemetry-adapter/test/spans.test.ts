/** OpenTelemetry gets a span per deployment with a child per step, and no secret in any of them. */
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import type { Deployer } from '@quayside/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ATTRIBUTES, OWN } from '../src/attributes.js';
import { type TelemetryOptions, telemetry } from '../src/index.js';
import { DEV, type World, world } from './support/world.js';

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = provider.getTracer('test');
const ends: (() => unknown)[] = [];

beforeEach(() => {
  exporter.reset();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  context.disable();
  trace.disable();
});

async function traced(at: World, options: TelemetryOptions = { tracer }): Promise<Deployer> {
  const deployer = await at.open();
  ends.push(() => at.until(deployer.close()));
  const made = telemetry(options)._unsafeUnwrap();
  made.observe(deployer);
  return deployer;
}
const spans = () => exporter.getFinishedSpans();
const rootOf = (name = 'deploy shop'): ReadableSpan => {
  const roots = spans().filter((span) => span.name === name);
  expect(roots).toHaveLength(1);
  return roots[0] as ReadableSpan;
};
const childrenOf = (root: ReadableSpan) =>
  spans().filter(({ parentSpanContext }) => parentSpanContext?.spanId === root.spanContext().spanId);
const ms = ([seconds, nanos]: readonly [number, number]) => seconds * 1_000 + nanos / 1_000_000;

it('a deployment that succeeded has a child per step, each with its time', async () => {
  const at = world();
  const deployer = await traced(at);
  at.push('v1', { listensAfterMs: 3_000 });
  const deployment = (await at.until(deployer.deploy({ ...DEV, tag: 'v1' })))._unsafeUnwrap();
  const root = rootOf();
  expect(root.parentSpanContext).toBeUndefined();
  expect(root.status.code).toBe(SpanStatusCode.UNSET);
  expect(root.attributes).toEqual({
    'deployment.id': deployment.id,
    'deployment.name': 'shop/dev',
    'deployment.status': 'succeeded',
    'deployment.environment.name': 'dev',
    'container.image.tags': ['v1'],
    'container.name': expect.stringContaining('shop'),
    'oci.manifest.digest': deployment.digest,
    'quayside.project': 'shop',
    'quayside.stage': 'dev',
    'quayside.deployment.kind': 'deploy',
    'quayside.deployment.status': 'succeeded',
  });
  // Whole milliseconds: the virtual clock has fractions of them.
  const floored = (...times: readonly (number | null)[]) => times.map((time) => Math.floor(time ?? Number.NaN));
  expect([ms(root.startTime), ms(root.endTime)]).toEqual(floored(deployment.queuedAt, deployment.endedAt));
  const children = childrenOf(root);
  expect(children.map(({ name }) => name)).toEqual(['queue', ...deployment.steps.map(({ name }) => name)]);
  for (const step of deployment.steps) {
    const child = children.find(({ name }) => name === step.name) as ReadableSpan;
    const { startedAt, durationMs } = step;
    const ended = startedAt + (durationMs ?? Number.NaN);
    expect([ms(child.startTime), ms(child.endTime)]).toEqual(floored(startedAt, ended));
    expect(child.attributes).toEqual({ [OWN.step]: step.name, [OWN.stepStatus]: 'done' });
    expect(child.status.code).toBe(SpanStatusCode.UNSET);
  }
});

it('a failure says where and why on its step and on the deployment, and shows no secret', async () => {
  const at = world();
  const deployer = await traced(at);
  const lines = ['connecting with cAnArY-sEcReT'];
  at.push('v1', { listensAfterMs: null, exitsAfterMs: 500, exitCode: 3, lines });
  expect((await at.until(deployer.deploy({ ...DEV, tag: 'v1' }))).isErr()).toBe(true);
  const root = rootOf();
  expect(root.status).toMatchObject({ code: SpanStatusCode.ERROR, message: expect.stringMatching(/^health: .*3/) });
  expect(root.attributes).toMatchObject({ 'error.type': 'unhealthy', 'deployment.status': 'failed' });
  const health = childrenOf(root).find(({ name }) => name === 'health') as ReadableSpan;
  expect(health.status.code).toBe(SpanStatusCode.ERROR);
  expect(health.attributes).toMatchObject({ 'error.type': 'unhealthy' });
  const create = childrenOf(root).find(({ name }) => name === 'create') as ReadableSpan;
  expect([create.status.code, create.attributes[OWN.stepStatus]]).toEqual([SpanStatusCode.UNSET, 'undone']);
  const everything = spans().map(({ name, attributes, status, events }) =>
    JSON.stringify([name, attributes, status, events]),
  );
  expect(everything.join('\n')).not.toContain('cAnArY-sEcReT');
});

it('what was asked for amid a span is a part of its trace', async () => {
  const at = world();
  const deployer = await traced(at);
  at.push('v1');
  const request = tracer.startSpan('POST /deploy');
  const handle = await context.with(trace.setSpan(context.active(), request), () =>
    at.until(deployer.submit({ ...DEV, tag: 'v1' })),
  );
  request.end();
  await at.until(handle._unsafeUnwrap().result);
  const root = rootOf();
  expect(root.spanContext().traceId).toBe(request.spanContext().traceId);
  expect(root.parentSpanContext?.spanId).toBe(request.spanContext().spanId);
});

/** What a plugin gets: it tells of events, and cannot be left before its deployer closes. */
function pluginHost() {
  const listeners = new Map<string, ((payload: never) => unknown)[]>();
  return {
    on: (name: string, listener: (payload: never) => unknown) => {
      listeners.set(name, [...(listeners.get(name) ?? []), listener]);
    },
    tell: (name: string, payload: object) => {
      for (const listener of listeners.get(name) ?? []) listener(payload as never);
    },
  };
}

it('as a plugin: one whose host died in a step has its steps, from whoever ended it', () => {
  const host = pluginHost();
  const made = telemetry({ tracer })._unsafeUnwrap();
  const { dispose } = made.setup(host);
  const step = { name: 'pull', status: 'done', startedAt: 1_000, durationMs: 500 };
  const error = { kind: 'interrupted', message: 'its host died', hint: '', retryable: false, causes: [] };
  const deployment = {
    ...{ id: 'd1', project: 'shop', stage: 'dev', tag: 'v1', kind: 'deploy', status: 'failed', digest: null },
    ...{ queuedAt: 900, startedAt: 950, endedAt: 9_000, durationMs: 8_050, error },
    steps: [step, { name: 'health', status: 'running', startedAt: 1_500, durationMs: null }],
  };
  host.tell('deployment.failed', { deployment, error });
  const times = childrenOf(rootOf()).map(({ name, startTime, endTime }) => [name, ms(startTime), ms(endTime)]);
  expect(times).toEqual([
    ['queue', 900, 950],
    ['pull', 1_000, 1_500],
    ['health', 1_500, 9_000],
  ]);
  dispose();
  made.close();
});

it('the global provider is used, whenever it is set up, and false means none', async () => {
  const at = world();
  const deployer = await traced(at, {});
  at.push('v1');
  at.push('v2');
  await at.until(deployer.deploy({ ...DEV, tag: 'v1' }));
  expect(spans()).toEqual([]);
  trace.setGlobalTracerProvider(provider);
  await at.until(deployer.deploy({ ...DEV, tag: 'v2' }));
  expect(rootOf().attributes['container.image.tags']).toEqual(['v2']);

  exporter.reset();
  const other = world();
  other.push('v1');
  const untraced = await traced(other, { tracer: false });
  await other.until(untraced.deploy({ ...DEV, tag: 'v1' }));
  expect(spans()).toEqual([]);
});

it('names attributes as the semantic conventions do, where they have a name', () => {
  expect(ATTRIBUTES).toEqual({
    deploymentId: conventions.ATTR_DEPLOYMENT_ID,
    deploymentName: conventions.ATTR_DEPLOYMENT_NAME,
    deploymentStatus: conventions.ATTR_DEPLOYMENT_STATUS,
    environment: conventions.ATTR_DEPLOYMENT_ENVIRONMENT_NAME,
    container: conventions.ATTR_CONTAINER_NAME,
    imageTags: conventions.ATTR_CONTAINER_IMAGE_TAGS,
    digest: conventions.ATTR_OCI_MANIFEST_DIGEST,
    error: conventions.ATTR_ERROR_TYPE,
  });
  expect(conventions.DEPLOYMENT_STATUS_VALUE_SUCCEEDED).toBe('succeeded');
  expect(conventions.DEPLOYMENT_STATUS_VALUE_FAILED).toBe('failed');
});
