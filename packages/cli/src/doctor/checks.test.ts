import { createDeployer, type DeployerOptions, unwrap } from '@quayside/core';
import { memoryWorld } from '@quayside/core/testing';
import { err, errAsync, okAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { CHECKS, run } from './checks.js';
import { registryOf } from './clock.js';
import { judged } from './disk.js';
import type { CheckName } from './finding.js';

const error = (kind: string, message: string) => ({ kind, message, hint: `Mend ${kind}.`, retryable: false }) as never;

/** What one check says of a host in memory whose options are changed. */
async function says(name: CheckName, change: (options: DeployerOptions) => object = () => ({})) {
  const world = memoryWorld();
  const { engine: _engine, clock: _clock, ...ports } = world;
  const projects = { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000 } } } };
  const options = { ...ports, settings: { domain: 'apps.test' }, projects } as unknown as DeployerOptions;
  const deployer = await unwrap(createDeployer({ ...options, recover: 'manual' }));
  try {
    const check = CHECKS.find(([each]) => each === name)?.[1];
    if (!check) throw new Error(`no check ${name}`);
    const patient = { deployer, options: { ...options, ...change(options) }, folder: '/' };
    return (await run(name, check, patient, new AbortController().signal)).map(
      ({ status, message, hint }) => `${status}: ${message}${hint ? ` > ${hint}` : ''}`,
    );
  } finally {
    await deployer.close({ timeoutMs: 100 });
  }
}

describe('a check', () => {
  it('of an engine, a proxy or a registry that does not answer says what its port says', async () => {
    const down = (name: 'runtime' | 'proxy', method: string) => (options: DeployerOptions) => ({
      [name]: { ...options[name], [method]: () => errAsync(error('engine-unreachable', 'Nobody answers.')) },
    });
    const said = ['failed: Nobody answers. > Mend engine-unreachable.'];
    expect(await says('engine', down('runtime', 'describe'))).toEqual(said);
    expect(await says('proxy', down('proxy', 'list'))).toEqual(said);
    const denied = { tags: () => errAsync(error('registry-denied', 'Log in.')) };
    expect(await says('registry', () => ({ registry: denied }))).toEqual([
      'failed: registry.test/shop: Log in. > Mend registry-denied.',
    ]);
  });

  it('of a store that can be read and not be written says so', async () => {
    const locked = { commit: () => errAsync(error('store-unavailable', 'Somebody has locked it.')) };
    expect(await says('store', ({ store }) => ({ store: { ...store, ...locked } }))).toEqual([
      'failed: Somebody has locked it. > Mend store-unavailable.',
    ]);
  });

  it('of leftovers does not call well what it could not look at', async () => {
    const { engine: _engine, clock: _clock, ...ports } = memoryWorld();
    const down = errAsync(error('engine-unreachable', 'Nobody answers.'));
    const runtime = { ...ports.runtime, describe: () => down, list: () => down };
    const options = {
      ...ports,
      runtime,
      settings: { domain: 'apps.test' },
      projects: {},
    } as unknown as DeployerOptions;
    const deployer = await unwrap(createDeployer({ ...options, recover: 'manual' }));
    const check = CHECKS.find(([name]) => name === 'leftovers')?.[1];
    const found = await check?.({ deployer, options, folder: '/' }, new AbortController().signal);
    await deployer.close({ timeoutMs: 100 });
    expect([...new Set(found?.map(({ status }) => status))]).toEqual(['skipped']);
    expect(found?.[0]?.message).toContain('Nobody answers.');
  });

  it('of a registry is content with one that lets us in, though there is no tag yet', async () => {
    const withRuntime = (answer: unknown) => (options: DeployerOptions) => ({
      registry: undefined,
      runtime: { ...options.runtime, resolve: () => answer },
    });
    const missing = errAsync(error('image-not-found', 'No such tag.'));
    expect((await says('registry', withRuntime(missing)))[0]).toMatch(
      /^ok: registry\.test\/shop: its registry answers/,
    );
    const denied = errAsync(error('registry-denied', 'Log in.'));
    expect((await says('registry', withRuntime(denied)))[0]).toMatch(/^failed: Log in\./);
    expect(await says('registry', () => ({ registry: { tags: () => okAsync(['v1', 'v2']) } }))).toEqual([
      'ok: registry.test/shop: 2 tags',
    ]);
  });

  it('of the network names who cannot reach what', async () => {
    const [proxy] = await says('network', (options) => ({
      proxy: {
        ...options.proxy,
        describe: () => okAsync({ identity: 'p', reaches: [{ kind: 'name', network: 'elsewhere' }] }),
      },
    }));
    expect(proxy).toMatch(
      /^failed: the proxy reaches name on network elsewhere, and the engine offers .* > Put them on one/,
    );
    for (const line of await says('network')) expect(line).toMatch(/^ok: /);
  });

  it('that hangs or throws is a finding, too', async () => {
    const [line] = await says('engine', (options) => ({
      runtime: {
        ...options.runtime,
        describe: () => {
          throw new Error('oops');
        },
      },
    }));
    expect(line).toMatch(/^failed: It could not be looked at: Error: oops/);
  });

  it('of what is not configured is left out, and says so', async () => {
    expect(await says('proxy', () => ({ proxy: undefined }))).toEqual([expect.stringMatching(/^skipped: none/)]);
    expect(await says('engine', () => ({ runtime: err(error('invalid-options', 'x')) }))).toEqual([
      expect.stringMatching(/^skipped/),
    ]);
    expect(await says('registry', () => ({ projects: () => undefined }))).toEqual([expect.stringMatching(/^skipped/)]);
    expect(await says('dns', () => ({ settings: {}, projects: {} }))).toEqual([expect.stringMatching(/^skipped/)]);
  });

  it('of names asks for one that only a wildcard record can answer, and for each custom domain', async () => {
    const lines = await says('dns', () => ({
      projects: { shop: { image: 'x', stages: { dev: { port: 1, domains: ['localhost', 'nobody.invalid'] } } } },
    }));
    expect(lines).toEqual([
      expect.stringMatching(/^warning: \*\.apps\.test leads nowhere .* > Make a wildcard record: \*\.apps\.test/),
      expect.stringMatching(/^ok: localhost leads to .*, this machine$/),
      expect.stringMatching(/^warning: nobody\.invalid leads nowhere/),
    ]);
  });

  it('of a store counts how long it takes', async () => {
    expect(await says('store')).toEqual([expect.stringMatching(/^ok: \w+ \w{12} answers in \d+ ms$/)]);
  });
});

describe('what is free on a disk', () => {
  it.each([
    [50e9, 100e9, 'ok'],
    [1.9e9, 100e9, 'warning'],
    [4e9, 100e9, 'warning'],
    [0.1e9, 100e9, 'failed'],
  ] as const)('of %d in %d is %s', (free, total, status) => {
    expect(judged('here', free, total).status).toBe(status);
  });
});

describe('the registry of an image', () => {
  it.each([
    ['shop', 'registry-1.docker.io'],
    ['library/nginx', 'registry-1.docker.io'],
    ['docker.io/library/nginx', 'registry-1.docker.io'],
    ['ghcr.io/acme/shop', 'ghcr.io'],
    ['127.0.0.1:5000/shop', '127.0.0.1:5000'],
    ['localhost/shop', 'localhost'],
  ])('%s is %s', (image, host) => {
    expect(registryOf(image)).toBe(host);
  });
});
