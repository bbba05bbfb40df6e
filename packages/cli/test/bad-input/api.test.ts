/** Whatever is wrong with a configuration or a request in the program: one clear error that names the field, and nothing was touched. */
import { type AnyError, createDeployer, type Deployer, type DeployerOptions, type Issue } from '@quayside/core';
import { type MemoryWorld, memoryNotifier, memoryWorld } from '@quayside/core/testing';
import { dockerRuntime } from '@quayside/docker-adapter';
import { webhookNotifier } from '@quayside/http-adapter';
import { embeddedProxy } from '@quayside/proxy-adapter';
import { sqliteStore } from '@quayside/sql-adapter';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

type Fields = Record<string, unknown>;

let world: MemoryWorld;
let open: Deployer | undefined;
beforeEach(() => {
  world = memoryWorld();
  world.engine.push('registry.test/shop:v1');
});
afterEach(async () => {
  if (open) await world.clock.until(open.close({ running: 'cancel' }));
  open = undefined;
});

const good = (): Fields => {
  const { engine: _engine, ...ports } = world;
  return {
    ...ports,
    settings: { domain: 'apps.test' },
    projects: { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000 }, 'pr-*': { port: 3000 } } } },
  };
};
const withStage = (fields: Fields) => () => ({
  projects: { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000, ...fields } } } },
});

const issuesOf = (error: AnyError): readonly Issue[] => ('issues' in error ? (error.issues as readonly Issue[]) : []);

function expectUntouched() {
  expect(world.store.commits).toBe(0);
  expect([...world.engine.containers.keys()]).toEqual([]);
  expect([...world.engine.images.keys()]).toEqual([]);
  expect(world.proxy.request('stage-dev-shop.apps.test').status).toBe(404);
}

const DEV = 'projects.shop.stages.dev';
const CONFIGS: readonly (readonly [name: string, change: () => Fields, path: string, expected: RegExp])[] = [
  ['no runtime', () => ({ runtime: undefined }), 'runtime', /a ContainerRuntime/],
  ['a runtime that is another port', () => ({ runtime: world.store }), 'runtime', /a ContainerRuntime/],
  [
    "an adapter's own error",
    () => ({ runtime: dockerRuntime({ network: '-' }) }),
    'dockerRuntime.network',
    /network's name/,
  ],
  ["a store's own error", () => ({ store: sqliteStore({ path: 'file:x' }) }), 'sqliteStore.path', /not a URL/],
  [
    "a proxy's own error",
    () => ({ proxy: embeddedProxy({ serverTtl: '1ms' }) }),
    'embeddedProxy.serverTtl',
    /150ms to 5m/,
  ],
  ['no probe', () => ({ probe: null }), 'probe', /a HealthProbe/],
  [
    'no proxy where a stage has a port',
    () => ({ proxy: undefined, projects: { shop: { image: 'a/b', stages: { dev: { port: 3000 } } } } }),
    `${DEV}.port`,
    /`proxy`/,
  ],
  [
    'two notifiers of one name',
    () => ({ notifiers: [memoryNotifier(), memoryNotifier()] }),
    'notifiers[1].name',
    /a name of its own/,
  ],
  [
    "a notifier's own error",
    () => ({ notifiers: [webhookNotifier({ url: 'ftp://x' })] }),
    'webhookNotifier.url',
    /http or https/,
  ],
  ['a plugin', () => ({ plugins: ['x'] }), 'plugins[0]', /definePlugin/],
  ['an unknown option', () => ({ setings: {} }), 'setings', /did you mean "settings"/],
  ['a key that is no text', () => ({ secrets: { keys: [1] } }), 'secrets.keys', /an array of keys/],
  [
    'a lease shorter than what it covers',
    () => ({ settings: { domain: 'apps.test', ttlMs: 5_000 } }),
    'settings.ttlMs',
    /at least/,
  ],
  [
    'a route pattern of another kind',
    () => ({ settings: { domain: 'apps.test', defaultRoute: 'a b' } }),
    'settings.defaultRoute',
    /./,
  ],
  ['a domain with a scheme', () => ({ settings: { domain: 'https://apps.test' } }), 'settings.domain', /domain/],
  ['no projects', () => ({ projects: undefined }), 'projects', /an object/],
  ['a project without stages', () => ({ projects: { shop: { image: 'a/b' } } }), 'projects.shop.stages', /an object/],
  [
    'an image in capitals',
    () => ({ projects: { shop: { image: 'A/B', stages: {} } } }),
    'projects.shop.image',
    /repository/,
  ],
  [
    'a stage that is no object',
    () => ({ projects: { shop: { image: 'a/b', stages: { dev: 3000 } } } }),
    DEV,
    /an object/,
  ],
  ['a port of zero', withStage({ port: 0 }), `${DEV}.port`, /at least 1|from 1/],
  ['a port and a half', withStage({ port: 3000.5 }), `${DEV}.port`, /integer/],
  ['an unknown field of a stage', withStage({ maxInstance: 3 }), `${DEV}.maxInstance`, /did you mean "maxInstances"/],
  ['no instances at all', withStage({ maxInstances: 0 }), `${DEV}.maxInstances`, /at least 1|from 1/],
  ['an unknown way to replace', withStage({ replace: 'rolling' }), `${DEV}.replace`, /"start-first", "stop-first"/],
  ['an unknown health check', withStage({ healthcheck: { kind: 'grpc' } }), `${DEV}.healthcheck.kind`, /"http", "tcp"/],
  ['a status that is none', withStage({ healthcheck: { expectStatus: 42 } }), `${DEV}.healthcheck.expectStatus`, /100/],
  ['a retry too few', withStage({ healthcheck: { retries: -1 } }), `${DEV}.healthcheck.retries`, /at least 0/],
  [
    'an interval without a unit',
    withStage({ healthcheck: { interval: '5' } }),
    `${DEV}.healthcheck.interval`,
    /a duration/,
  ],
  ['an env value that is a number', withStage({ env: { PORT: 3000 } }), `${DEV}.env.PORT`, /a string/],
  ['an env name with a space', withStage({ env: { 'A B': 'c' } }), `${DEV}.env["A B"]`, /letters, digits/],
  [
    'a mount without a slash',
    withStage({ mounts: [{ type: 'bind', source: 'data', target: '/data' }] }),
    `${DEV}.mounts[0].source`,
    /absolute path/,
  ],
  [
    'a volume that two would write',
    withStage({ mounts: [{ type: 'volume', source: 'data', target: '/data' }] }),
    `${DEV}.mounts`,
    /stop-first/,
  ],
  [
    'a fixed port that two would take',
    withStage({ ports: [{ container: 80, host: 8080 }] }),
    `${DEV}.ports`,
    /stop-first/,
  ],
  ['an unknown restart policy', withStage({ restart: 'sometimes' }), `${DEV}.restart`, /unless-stopped/],
  ['a one-shot with a port', withStage({ oneShot: true }), `${DEV}.port`, /./],
  ['a label of ours', withStage({ labels: { 'dev.quayside.x': 'y' } }), `${DEV}.labels["dev.quayside.x"]`, /./],
  ['no processors', withStage({ cpus: 0 }), `${DEV}.cpus`, /./],
  [
    'a pattern without its stage in the domain',
    () => ({ projects: { shop: { image: 'a/b', stages: { 'pr-*': { port: 1, domains: ['a.test'] } } } } }),
    'projects.shop.stages["pr-*"].domains',
    /\{stage\}/,
  ],
];

describe('createDeployer', () => {
  it.each(CONFIGS)('refuses %s', async (_name, change, path, expected) => {
    const made = await createDeployer({ ...good(), ...change() } as unknown as DeployerOptions);
    if (made.isOk()) open = made.value;
    const error = made._unsafeUnwrapErr();
    expect(error.kind).toBe('invalid-config');
    const issues = issuesOf(error);
    expect(
      issues.map((issue) => issue.path.startsWith(path)),
      error.message,
    ).toEqual([true]);
    expect(issues[0]?.expected).toMatch(expected);
    expect(error.message).toContain(path);
    expect(error.hint).toContain(path);
    expectUntouched();
  });

  it('says everything that is wrong at once', async () => {
    const wrong = { ...good(), probe: null, settings: { domian: 'x', domain: 'apps.test' }, plugins: {} };
    const error = (await createDeployer(wrong as unknown as DeployerOptions))._unsafeUnwrapErr();
    expect(issuesOf(error).map(({ path }) => path)).toEqual(['plugins', 'probe', 'settings.domian']);
  });
});

const REQUEST = { project: 'shop', stage: 'dev', tag: 'v1' };
type Call = 'deploy' | 'submit' | 'plan' | 'rollBack' | 'remove' | 'parseRequest';
const REQUESTS: readonly (readonly [name: string, call: Call, request: unknown, path: string, expected: RegExp])[] = [
  ['no request', 'deploy', undefined, 'request', /an object/],
  ['a text', 'submit', 'shop dev v1', 'request', /an object/],
  ['a list', 'parseRequest', [], 'request', /an object/],
  ['no project', 'deploy', { stage: 'dev', tag: 'v1' }, 'project', /a string/],
  ['a project that is a number', 'deploy', { ...REQUEST, project: 7 }, 'project', /a string/],
  ['a name with outer spaces', 'deploy', { ...REQUEST, project: ' shop' }, 'project', /outer spaces/],
  ['a name of 101 characters', 'deploy', { ...REQUEST, stage: 'x'.repeat(101) }, 'stage', /1 to 100/],
  ['a pattern', 'submit', { ...REQUEST, stage: 'pr-*' }, 'stage', /not a pattern/],
  ['no tag', 'plan', { project: 'shop', stage: 'dev' }, 'tag', /a string/],
  ['a tag with a slash', 'deploy', { ...REQUEST, tag: 'a/b' }, 'tag', /1 to 128/],
  ['a tag with a line break', 'deploy', { ...REQUEST, tag: 'v1\n' }, 'tag', /1 to 128/],
  ['a digest of another kind', 'deploy', { ...REQUEST, digest: 'md5:abc' }, 'digest', /sha256/],
  ['a force that is a text', 'deploy', { ...REQUEST, force: 'yes' }, 'force', /a boolean/],
  ['a by with a control character', 'deploy', { ...REQUEST, by: 'a\u0000b' }, 'by', /control characters/],
  ['env that is a list', 'deploy', { ...REQUEST, env: ['A=b'] }, 'env', /an object/],
  ['env that nothing seals', 'deploy', { ...REQUEST, env: { A: 'b' } }, 'env', /secrets\.keys/],
  ['an unknown field', 'parseRequest', { ...REQUEST, stag: 'x' }, 'stag', /did you mean "stage"/],
  ['a roll back without a stage', 'rollBack', { project: 'shop' }, 'stage', /a string/],
  ['a roll back to a list', 'rollBack', { project: 'shop', stage: 'dev', to: [] }, 'to', /a string/],
  ['a removal of nothing', 'remove', {}, '', /./],
  ['a removal of half an id', 'remove', { instance: '01k6' }, 'instance', /18 characters/],
];

describe('a request', () => {
  it.each(REQUESTS)('is refused: %s', async (_name, call, request, path, expected) => {
    const deployer = (await createDeployer(good() as unknown as DeployerOptions))._unsafeUnwrap();
    open = deployer;
    const method = deployer[call] as (given: unknown) => ReturnType<Deployer['deploy']>;
    const error = (await world.clock.until(Promise.resolve(method(request))))._unsafeUnwrapErr();
    expect(error.kind).toBe('invalid-request');
    expect(error.deployment).toBeUndefined();
    const issues = issuesOf(error);
    if (path !== '')
      expect(
        issues.map((issue) => issue.path),
        error.message,
      ).toEqual([path]);
    expect(issues[0]?.expected).toMatch(expected);
    expectUntouched();
  });

  it.each([
    ['deploy', { ...REQUEST, project: 'shp' }, 'unknown-project', /did you mean "shop"/],
    ['plan', { ...REQUEST, stage: 'prod' }, 'unknown-stage', /no stage "prod"/],
    ['rollBack', { project: 'shop', stage: 'dev' }, 'nothing-before', /nothing to roll back to/],
    ['rollBack', { project: 'shop', stage: 'dev', to: 'v9' }, 'unknown-deployment', /v9/],
    ['remove', { instance: '01k6v1c9q0n2f7abcd' }, 'unknown-instance', /01k6v1c9q0n2f7abcd/],
  ] as const)('is refused by %s where its name is nobody’s: %o', async (call, request, kind, message) => {
    const deployer = (await createDeployer(good() as unknown as DeployerOptions))._unsafeUnwrap();
    open = deployer;
    const method = deployer[call] as (given: unknown) => ReturnType<Deployer['deploy']>;
    const error = (await world.clock.until(Promise.resolve(method(request))))._unsafeUnwrapErr();
    expect(error.kind).toBe(kind);
    expect(error.message).toMatch(message);
    expectUntouched();
  });
});
