import { expect, it } from 'vitest';
import { eventually, openWorkbench } from './engine.js';
import { buildApp, pushApp } from './images.js';
import { REGISTRY_LOGIN, startRegistry } from './registry.js';

it('builds, pushes behind a login, pulls, runs and answers, and leaves nothing behind', async () => {
  const bench = openWorkbench('workbench');
  const registry = await startRegistry({ login: true });
  try {
    const reference = `${registry.host}/shop:v1`;
    await expect(pushApp(bench, reference, { version: 'v1' })).rejects.toThrow(/no basic auth credentials/);
    const digest = await pushApp(bench, reference, { version: 'v1' }, { login: REGISTRY_LOGIN });
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect((await bench.leftovers()).images).not.toContain(reference);

    await buildApp(bench, `${bench.prefix}/local:v2`, { version: 'v2', listensAfterMs: 50, lastLines: ['so', 'long'] });
    const container = await bench.docker.createContainer({ Image: `${bench.prefix}/local:v2`, Env: ['APP_PORT=4000'] });
    await container.start();
    const { NetworkSettings } = await container.inspect();
    const address = `http://${NetworkSettings.Networks['bridge']?.IPAddress}:4000`;
    const body = await eventually('the app answers', () =>
      fetch(address)
        .then((r) => r.text())
        .catch(() => undefined),
    );
    expect(body).toBe('v2\n');
    expect((await fetch(`${address}/cgi-bin/status?503`)).status).toBe(503);
    expect(await (await fetch(`${address}/cgi-bin/env`)).text()).toContain('APP_VERSION=v2');

    await bench.docker.createNetwork({ Name: `${bench.prefix}-net` });
    await bench.docker.createVolume({ Name: `${bench.prefix}-volume` });
    const left = await bench.leftovers();
    expect([left.containers.length, left.networks.length, left.volumes.length]).toEqual([1, 1, 1]);
  } finally {
    await registry.stop();
    await bench.cleanUp();
  }
  expect(await bench.leftovers()).toEqual({ containers: [], images: [], networks: [], volumes: [] });
});
