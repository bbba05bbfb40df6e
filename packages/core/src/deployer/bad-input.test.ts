/** Bad input is refused before anything is touched: one clear error that names the field, what was expected, and what came. */
import { describe, expect, it } from 'vitest';
import { memoryNotifier, memoryProxy, memoryWorld } from '../testing/index.js';
import { createDeployer } from './create.js';
import { DEV, deployerIn, IMAGE, push } from './testbed.js';
import type { Deployer, DeployerOptions } from './types.js';

type Bad = readonly [
  what: string,
  change: (options: Record<string, unknown>) => unknown,
  path: string,
  expected: RegExp,
];

const stage = (fields: object) => (options: Record<string, unknown>) => ({
  ...options,
  projects: { shop: { image: IMAGE, stages: { dev: { port: 3000, ...fields } } } },
});
const settings = (fields: object) => (options: Record<string, unknown>) => ({
  ...options,
  settings: { domain: 'apps.test', ...fields },
});
const given = (fields: object) => (options: Record<string, unknown>) => ({ ...options, ...fields });
const at = (field: string) => `projects.shop.stages.dev.${field}`;

const CONFIGURATIONS: readonly Bad[] = [
  ['nothing at all', () => undefined, 'options', /an object/],
  ['an array', () => [], 'options', /an object/],
  ['no runtime', given({ runtime: undefined }), 'runtime', /ContainerRuntime/],
  ['no store', given({ store: null }), 'store', /Store/],
  ['no probe', given({ probe: undefined }), 'probe', /HealthProbe/],
  ['a runtime that is none', given({ runtime: {} }), 'runtime', /ContainerRuntime/],
  ['a proxy that is a text', given({ proxy: 'nginx' }), 'proxy', /ProxyManager/],
  ['a port and no proxy', given({ proxy: undefined }), at('port'), /proxy/],
  ['no projects', given({ projects: undefined }), 'projects', /an object/],
  ['projects in an array', given({ projects: [] }), 'projects', /an object/],
  ['a misspelled option', given({ projcts: {} }), 'projcts', /did you mean "projects"/],
  ['plugins', given({ plugins: ['x'] }), 'plugins[0]', /definePlugin/],
  ['notifiers that are none', given({ notifiers: memoryNotifier() }), 'notifiers', /an array/],
  ['a notifier that is none', given({ notifiers: [{}] }), 'notifiers[0]', /Notifier/],
  [
    'two notifiers of one name',
    given({ notifiers: [memoryNotifier(), memoryNotifier()] }),
    'notifiers[1].name',
    /of its own/,
  ],
  ['keys that are no array', given({ secrets: { keys: 'abc' } }), 'secrets.keys', /array/],
  ['a key that is too short', given({ secrets: { keys: ['abc'] } }), 'secrets.keys[0]', /32/],
  ['a worker without a group', given({ worker: {} }), 'worker', /\{ group \}/],
  ['a worker that is a text', given({ worker: 'blue' }), 'worker', /\{ group \}/],
  ['a group with a space', given({ worker: { group: 'a b' } }), 'worker', /letters, digits/],
  ['a way to recover that is none', given({ recover: 'never' }), 'recover', /'on-start' or 'manual'/],
  ['a worker with more', given({ worker: { group: 'a', count: 2 } }), 'worker', /\{ group \}/],
  ['no domain', given({ settings: {} }), 'settings.domain', /domain/],
  ['a domain with a scheme', settings({ domain: 'https://apps.test' }), 'settings.domain', /lower-case domain/],
  ['an upper-case domain', settings({ domain: 'Apps.Test' }), 'settings.domain', /lower-case domain/],
  ['an unknown setting', settings({ renewMS: 5 }), 'settings.renewMS', /did you mean "renewMs"/],
  ['a lease too short for its effects', settings({ ttlMs: 10_000 }), 'settings.ttlMs', /at least renewMs/],
  ['a ttl in words', settings({ ttlMs: '30s' }), 'settings.ttlMs', /integer|number/],
  ['a tagged route without a tag', settings({ taggedRoute: 'x-{stage}' }), 'settings.taggedRoute', /\{tag\}/],
  ['a route pattern with a space', settings({ defaultRoute: 'my app' }), 'settings.defaultRoute', /pattern/],
  ['no image', given({ projects: { shop: { stages: { dev: {} } } } }), 'projects.shop.image', /string|repository/],
  [
    'an image with a tag',
    given({ projects: { shop: { image: `${IMAGE}:v1`, stages: { dev: {} } } } }),
    'projects.shop.image',
    /without a tag/,
  ],
  [
    'an upper-case image',
    given({ projects: { shop: { image: 'Shop', stages: { dev: {} } } } }),
    'projects.shop.image',
    /repository/,
  ],
  ['no stages', given({ projects: { shop: { image: IMAGE } } }), 'projects.shop.stages', /object/],
  [
    'a stage that is null',
    given({ projects: { shop: { image: IMAGE, stages: { dev: null } } } }),
    'projects.shop.stages.dev',
    /object/,
  ],
  [
    'a project name with a line break',
    given({ projects: { 'a\nb': { image: IMAGE, stages: {} } } }),
    'projects["a\\nb"]',
    /name/,
  ],
  ['a misspelled field', stage({ healthCheckPath: '/' }), at('healthCheckPath'), /did you mean "healthcheckPath"/],
  ['a field nobody knows', stage({ qwertyuiop: 1 }), at('qwertyuiop'), /a known field$/],
  ['a port of 0', stage({ port: 0 }), at('port'), /1 to 65535/],
  ['a port of 70000', stage({ port: 70_000 }), at('port'), /1 to 65535/],
  ['a port as a text', stage({ port: '3000' }), at('port'), /integer|number/],
  ['half a port', stage({ port: 30.5 }), at('port'), /integer/],
  ['a health path without a slash', stage({ healthcheckPath: 'health' }), at('healthcheckPath'), /begins with '\/'/],
  ['an unknown kind of check', stage({ healthcheck: { kind: 'https' } }), at('healthcheck.kind'), /"http", "tcp"/],
  ['a status of 42', stage({ healthcheck: { expectStatus: 42 } }), at('healthcheck.expectStatus'), /100|status/],
  [
    'a range the wrong way',
    stage({ healthcheck: { expectStatus: '400-200' } }),
    at('healthcheck.expectStatus'),
    /low to high/,
  ],
  ['no statuses', stage({ healthcheck: { expectStatus: [] } }), at('healthcheck.expectStatus'), /at least 1|status/],
  ['a negative number of retries', stage({ healthcheck: { retries: -1 } }), at('healthcheck.retries'), /at least 0/],
  ['an interval of nothing', stage({ healthcheck: { interval: 0 } }), at('healthcheck.interval'), /more than 0/],
  ['a timeout of nothing', stage({ healthcheck: { timeout: '0s' } }), at('healthcheck.timeout'), /more than 0/],
  ['a duration in words', stage({ healthcheck: { timeout: 'ten seconds' } }), at('healthcheck.timeout'), /duration/],
  [
    'a header with a line break',
    stage({ healthcheck: { headers: { a: 'x\r\nb: y' } } }),
    at('healthcheck.headers.a'),
    /line breaks/,
  ],
  [
    'a threshold of 0',
    stage({ healthcheck: { successThreshold: 0 } }),
    at('healthcheck.successThreshold'),
    /at least 1/,
  ],
  ['no instances', stage({ maxInstances: 0 }), at('maxInstances'), /at least 1/],
  ['51 instances', stage({ maxInstances: 51 }), at('maxInstances'), /at most 50/],
  ['stop-first with two', stage({ replace: 'stop-first', maxInstances: 2 }), at('maxInstances'), /1 with/],
  ['an unknown way to replace', stage({ replace: 'rolling' }), at('replace'), /"start-first", "stop-first"/],
  [
    'a writable volume for two',
    stage({ mounts: [{ type: 'volume', source: 'data', target: '/data' }] }),
    at('mounts'),
    /stop-first/,
  ],
  ['a fixed host port for two', stage({ ports: [{ container: 1, host: 80 }] }), at('ports'), /stop-first/],
  [
    'a relative mount',
    stage({ mounts: [{ type: 'bind', source: './x', target: '/x' }] }),
    at('mounts[0].source'),
    /absolute path/,
  ],
  ['a mount of no type', stage({ mounts: [{ source: 'x', target: '/x' }] }), at('mounts[0].type'), /./],
  ['an env name with a space', stage({ env: { 'MY KEY': 'x' } }), at('env["MY KEY"]'), /name of letters/],
  ['an env value that is a number', stage({ env: { PORT: 3000 } }), at('env.PORT'), /string/],
  [
    'a label of ours',
    stage({ labels: { 'dev.quayside.store': 'x' } }),
    at('labels["dev.quayside.store"]'),
    /does not begin/,
  ],
  ['memory of nothing', stage({ memory: '1k' }), at('memory'), /6m/],
  ['memory in words', stage({ memory: 'lots' }), at('memory'), /size/],
  ['half a process', stage({ pids: 0.5 }), at('pids'), /integer/],
  ['an unknown restart policy', stage({ restart: 'sometimes' }), at('restart'), /"always"/],
  ['a network twice', stage({ networks: ['a', 'a'] }), at('networks'), /once/],
  ['no networks', stage({ networks: [] }), at('networks'), /at least 1/],
  ['a one-shot with a port', stage({ oneShot: true }), at('port'), /oneShot/],
  [
    'a one-shot that is started again',
    stage({ oneShot: true, port: undefined, restart: 'always' }),
    at('restart'),
    /oneShot/,
  ],
  ['a domain that is none', stage({ domains: ['not a domain'] }), at('domains'), /host names/],
  ['a domain twice', stage({ domains: ['a.test', 'A.test'] }), at('domains'), /once/],
  ['41 domains', stage({ domains: Array.from({ length: 41 }, (_, i) => `d${i}.test`) }), at('domains'), /at most 40/],
  ['domains without a port', stage({ port: undefined, domains: ['a.test'] }), at('domains'), /without a port/],
  ['an unknown pull policy', stage({ pull: 'sometimes' }), at('pull'), /"missing"/],
  [
    'options that the proxy does not take',
    stage({ options: { proxy: { certificate: 1 } } }),
    at('options.proxy'),
    /takes no options/,
  ],
  [
    'a domain of two stages',
    given({
      projects: {
        shop: {
          image: IMAGE,
          stages: { dev: { port: 1, domains: ['a.test'] }, prod: { port: 1, domains: ['a.test'] } },
        },
      },
    }),
    'projects.shop.stages.dev.domains',
    /"prod"/,
  ],
  [
    'a pattern whose domains all are one',
    given({ projects: { shop: { image: IMAGE, stages: { 'pr-*': { port: 1, domains: ['a.test'] } } } } }),
    'projects.shop.stages["pr-*"].domains',
    /\{stage\}/,
  ],
];

interface Invalid {
  readonly kind: string;
  readonly message: string;
  readonly hint: string;
  readonly issues: readonly { path: string; expected: string; received: string }[];
}

function expectClear(error: Invalid, kind: string, path: string, expected: RegExp): void {
  expect(error.kind).toBe(kind);
  const issue = error.issues.find((each) => each.path === path);
  expect(issue, `${path} is not among ${JSON.stringify(error.issues)}`).toBeDefined();
  expect(issue?.expected).toMatch(expected);
  expect(error.message).toContain(path);
  expect(error.hint).toContain(path);
  expect(error.issues.length).toBeLessThanOrEqual(2);
}

describe('a configuration', () => {
  it.each(CONFIGURATIONS)('%s', async (_what, change, path, expected) => {
    const world = memoryWorld();
    const { engine: _engine, ...ports } = world;
    const options = change({
      ...ports,
      settings: { domain: 'apps.test' },
      projects: { shop: { image: IMAGE, stages: { dev: { port: 3000 } } } },
    });
    const made = await createDeployer(options as DeployerOptions);
    expectClear(made._unsafeUnwrapErr() as never, 'invalid-config', path, expected);
    expect(world.store.commits).toBe(0);
    expect(world.clock.pending).toBe(0);
  });

  it('is told of all that is wrong at once', async () => {
    const { engine: _engine, ...ports } = memoryWorld();
    const made = await createDeployer({
      ...ports,
      runtime: undefined,
      settings: { domain: 'APPS' },
      projects: { shop: { image: 'x:y', stages: { dev: { port: -1, healthcheck: { kind: 'x' } } } } },
    } as never);
    const { issues } = made._unsafeUnwrapErr() as unknown as Invalid;
    expect(issues.map(({ path }) => path).sort()).toEqual(
      ['projects.shop.image', at('healthcheck.kind'), at('port'), 'runtime', 'settings.domain'].sort(),
    );
  });

  it('shows no value that may be a secret', async () => {
    const { engine: _engine, ...ports } = memoryWorld();
    const made = await createDeployer({
      ...ports,
      secrets: { keys: ['hunter2-hunter2'] },
      settings: { domain: 'apps.test', env: { TOKEN: 'hunter2\0' } },
      projects: {},
    } as never);
    const error = made._unsafeUnwrapErr();
    expect(error.kind).toBe('invalid-config');
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  it('that a host’s function answers is checked like any other', async () => {
    const world = memoryWorld();
    const deployer = await deployerIn(world, { projects: () => ({ image: IMAGE, stages: { dev: { port: 0 } } }) });
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }));
    expectClear(answer._unsafeUnwrapErr() as never, 'invalid-config', at('port'), /65535/);
    expect(world.store.commits).toBe(0);
  });

  it('is refused where nothing that the runtime offers can be reached', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const proxy = memoryProxy(world.engine, { reaches: [{ kind: 'name', network: 'elsewhere' }] });
    const deployer = await deployerIn(world, { proxy });
    const answer = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }));
    expect(answer._unsafeUnwrapErr()).toMatchObject({ kind: 'no-endpoint' });
    expect(answer._unsafeUnwrapErr().message).toContain('elsewhere');
    expect(world.engine.containers.size + world.engine.images.size).toBe(0);
    await world.clock.until(deployer.close());
  });
});

const REQUESTS: readonly (readonly [string, unknown, string, RegExp])[] = [
  ['nothing', undefined, 'request', /an object/],
  ['a text', 'shop', 'request', /an object/],
  ['an array', [], 'request', /an object/],
  ['no project', { stage: 'dev', tag: 'v1' }, 'project', /string/],
  ['no stage', { project: 'shop', tag: 'v1' }, 'stage', /string/],
  ['no tag', DEV, 'tag', /string/],
  ['an empty tag', { ...DEV, tag: '' }, 'tag', /1 to 128/],
  ['a tag with a slash', { ...DEV, tag: 'a/b' }, 'tag', /1 to 128/],
  ['a tag of 129 letters', { ...DEV, tag: 'a'.repeat(129) }, 'tag', /1 to 128/],
  ['a tag that begins with a dash', { ...DEV, tag: '-v1' }, 'tag', /begins with none/],
  ['a tag that is a number', { ...DEV, tag: 1 }, 'tag', /string/],
  ['a pattern for a stage', { project: 'shop', stage: 'pr-*', tag: 'v1' }, 'stage', /not a pattern/],
  ['a stage with a line break', { project: 'shop', stage: 'a\nb', tag: 'v1' }, 'stage', /control characters/],
  ['a project of 101 letters', { project: 'a'.repeat(101), stage: 'dev', tag: 'v1' }, 'project', /100 characters/],
  ['half a digest', { ...DEV, tag: 'v1', digest: 'sha256:abc' }, 'digest', /64/],
  ['a digest of another kind', { ...DEV, tag: 'v1', digest: `md5:${'a'.repeat(64)}` }, 'digest', /sha256/],
  ['force as a text', { ...DEV, tag: 'v1', force: 'yes' }, 'force', /boolean/],
  ['an unknown field', { ...DEV, tag: 'v1', froce: true }, 'froce', /did you mean "force"/],
  ['a by with a line break', { ...DEV, tag: 'v1', by: 'me\nyou' }, 'by', /control characters/],
  ['env that is a list', { ...DEV, tag: 'v1', env: [] }, 'env', /object/],
  ['env without a key to seal it', { ...DEV, tag: 'v1', env: { A: 'b' } }, 'env', /secrets\.keys/],
];

describe('a request', () => {
  it.each(REQUESTS)('%s', async (_what, request, path, expected) => {
    const world = memoryWorld();
    push(world, 'v1');
    const deployer = await deployerIn(world);
    const answer = await world.clock.until(deployer.submit(request as never));
    expectClear(answer._unsafeUnwrapErr() as never, 'invalid-request', path, expected);
    const planned = await world.clock.until(deployer.plan(request as never));
    expectClear(planned._unsafeUnwrapErr() as never, 'invalid-request', path, expected);
    expect(world.store.commits).toBe(0);
    expect(world.engine.images.size + world.engine.containers.size).toBe(0);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });

  it.each([
    ['an unknown project', { project: 'shpo', stage: 'dev', tag: 'v1' }, 'unknown-project', /did you mean "shop"/],
    ['an unknown stage', { project: 'shop', stage: 'dve', tag: 'v1' }, 'unknown-stage', /did you mean "dev"/],
    [
      'a project named like a property',
      { project: '__proto__', stage: 'dev', tag: 'v1' },
      'unknown-project',
      /__proto__/,
    ],
    [
      'a stage named like a property',
      { project: 'shop', stage: 'constructor', tag: 'v1' },
      'unknown-stage',
      /constructor/,
    ],
  ] as const)('%s', async (_what, request, kind, message) => {
    const world = memoryWorld();
    const deployer = await deployerIn(world);
    const error = (await world.clock.until(deployer.submit(request)))._unsafeUnwrapErr();
    expect(error.kind).toBe(kind);
    expect(error.message).toMatch(message);
    expect(world.store.commits).toBe(0);
    await world.clock.until(deployer.close());
  });

  it.each([
    ['to remove nothing', (d: Deployer) => d.remove({} as never), 'invalid-request'],
    ['to remove an instance of a bad id', (d: Deployer) => d.remove({ instance: 'x' }), 'invalid-request'],
    ['to remove an unknown instance', (d: Deployer) => d.remove({ instance: '0'.repeat(18) }), 'unknown-instance'],
    ['to remove a stage that has nothing', (d: Deployer) => d.remove(DEV), 'unknown-stage'],
    ['to roll back with nothing before', (d: Deployer) => d.rollBack(DEV), 'nothing-before'],
    ['to roll back to an unknown tag', (d: Deployer) => d.rollBack({ ...DEV, to: 'v0' }), 'unknown-deployment'],
    ['to roll back with a bad target', (d: Deployer) => d.rollBack({ ...DEV, to: 'a b' }), 'invalid-request'],
    ['for an unknown result', (d: Deployer) => d.result('0'.repeat(18)), 'unknown-deployment'],
  ] as const)('%s', async (_what, ask, kind) => {
    const world = memoryWorld();
    const deployer = await deployerIn(world);
    const error = (await world.clock.until(ask(deployer) as PromiseLike<never>)) as never as {
      _unsafeUnwrapErr(): { kind: string; hint: string };
    };
    expect(error._unsafeUnwrapErr().kind).toBe(kind);
    expect(error._unsafeUnwrapErr().hint.length).toBeGreaterThan(10);
    expect(world.engine.containers.size).toBe(0);
    await world.clock.until(deployer.close());
    expect(world.clock.pending).toBe(0);
  });

  it('after the close is told so', async () => {
    const world = memoryWorld();
    const deployer = await deployerIn(world);
    await world.clock.until(deployer.close());
    for (const answer of [
      deployer.submit({ ...DEV, tag: 'v1' }),
      deployer.plan({ ...DEV, tag: 'v1' }),
      deployer.remove(DEV),
    ])
      expect((await answer)._unsafeUnwrapErr()).toMatchObject({ kind: 'closed' });
  });
});
