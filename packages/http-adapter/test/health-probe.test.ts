import { conforms, healthProbeLaws } from '@quayside/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, openWorkbench } from '../../../test/support/engine.js';
import { buildApp } from '../../../test/support/images.js';
import { probedApps } from '../../../test/support/probed-app.js';
import { httpProbe } from '../src/index.js';

describe('httpProbe keeps the laws of HealthProbe', () => {
  conforms(it, healthProbeLaws, async () => {
    const apps = probedApps();
    return {
      probe: httpProbe()._unsafeUnwrap(),
      clock: { now: Date.now, monotonicMs: () => performance.now(), after: () => () => undefined },
      until: async (promise) => promise,
      ...apps,
    };
  });
});

describe('httpProbe on containers', () => {
  const bench = openWorkbench('probe');
  const probe = httpProbe()._unsafeUnwrap();
  const image = `${bench.prefix}/app:v1`;
  const quiet = `${bench.prefix}/quiet:v1`;
  beforeAll(async () => {
    await buildApp(bench, image, { version: 'v1', listensAfterMs: 80 });
    await buildApp(bench, quiet, { version: 'v1', listensAfterMs: null });
  });
  afterAll(() => bench.cleanUp());

  async function run(reference: string) {
    const container = await bench.docker.createContainer({
      Image: reference,
      HostConfig: { PortBindings: { '3000/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } },
    });
    await container.start();
    const startedMs = performance.now();
    const { NetworkSettings } = await container.inspect();
    const port = Number(NetworkSettings.Ports['3000/tcp']?.[0]?.HostPort);
    return { address: NetworkSettings.Networks['bridge']?.IPAddress ?? '', port, startedMs };
  }
  const ask = (host: string, port: number, kind: 'http' | 'tcp') =>
    probe.check(
      { kind, host, port, timeoutMs: 2_000, method: 'GET', path: '/', headers: {} },
      { signal: new AbortController().signal },
    );

  it('sees an app by its address and by its published port, by http and by tcp', async () => {
    const { address, port } = await run(image);
    for (const [host, at] of [
      [address, 3000],
      ['127.0.0.1', port],
    ] as const) {
      const answer = await eventually(`${host}:${at} answers`, async () =>
        (await ask(host, at, 'http')).unwrapOr(undefined),
      );
      expect(answer).toEqual({ status: 200, body: 'v1\n', location: null });
      expect((await ask(host, at, 'tcp')).isOk()).toBe(true);
    }
  });

  it('is not fooled by the engine, which accepts on a published port that nobody listens on', async () => {
    const { address, port } = await run(quiet);
    for (const kind of ['tcp', 'http'] as const) {
      expect((await ask('127.0.0.1', port, kind))._unsafeUnwrapErr()).toMatchObject({ reason: 'reset' });
      expect((await ask(address, 3000, kind))._unsafeUnwrapErr()).toMatchObject({ reason: 'refused' });
    }
  });
});
