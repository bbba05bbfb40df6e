/** Setting plugins up, what is refused of them and where, and their end. */
import { ok } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createDeployer } from '../deployer/create.js';
import { deployerIn, IMAGE } from '../deployer/testbed.js';
import type { DeployerOptions } from '../deployer/types.js';
import type { Issue } from '../domain/errors.js';
import type { DeployerEvents } from '../events/types.js';
import { memoryNotifier, memoryWorld } from '../testing/index.js';
import { definePlugin } from './define.js';
import { compatible } from './order.js';
import { bed, plugin } from './testbed.js';
import type { Plugin, PluginHost } from './types.js';

async function issues(plugins: unknown, more: Partial<DeployerOptions> = {}): Promise<readonly Issue[]> {
  const { engine: _engine, ...ports } = memoryWorld();
  const made = await createDeployer({
    ...ports,
    projects: { shop: { image: IMAGE, stages: { dev: {} } } },
    plugins,
    ...more,
  } as DeployerOptions);
  const error = made._unsafeUnwrapErr();
  expect(error.kind).toBe('invalid-config');
  return 'issues' in error ? (error.issues as readonly Issue[]) : [];
}
const paths = async (plugins: unknown) => (await issues(plugins)).map(({ path }) => path);
const named = (name: string, ...after: string[]): Plugin => plugin(() => {}, { name, after });

describe('the configuration', () => {
  it.each([
    ['an object', {}, ['plugins']],
    ['null', null, ['plugins']],
    ['a text in it', ['x'], ['plugins[0]']],
    [
      'a factory that was not called',
      [definePlugin({ name: 'x', version: '1.0.0', options: z.object({}), setup() {} })],
      ['plugins[0]'],
    ],
    ['nothing of a plugin', [{}], ['plugins[0].name', 'plugins[0].version', 'plugins[0].setup', 'plugins[0].after']],
    ['a name with capitals', [{ ...named('x'), name: 'X' }], ['plugins[0].name']],
    ['a name with a slash', [{ ...named('x'), name: 'a/b' }], ['plugins[0].name']],
    ['a version that is none', [{ ...named('x'), version: 'latest' }], ['plugins[0].version']],
    ['two of one name', [named('x'), named('y'), named('x')], ['plugins[2].name']],
    ['what comes after one that is not there', [named('x'), named('y', 'x', 'z')], ['plugins[1].after[1]']],
    ['what comes after itself', [named('x', 'x')], ['plugins[0].after[0]']],
  ])('is refused with %s', async (_what, plugins, expected) => {
    expect(await paths(plugins)).toEqual(expected);
  });

  it('says who was meant, and what the circle is', async () => {
    expect((await issues([named('metrics'), named('y', 'metric')]))[0]?.expected).toContain('did you mean "metrics"?');
    expect(await issues([named('a'), named('b', 'a', 'd'), named('c', 'b'), named('d', 'c')])).toEqual([
      {
        path: 'plugins[2].after[0]',
        expected: 'no plugin that comes after this one itself',
        received: 'a circle: b after d after c after b',
      },
    ]);
  });

  it('is told of with everything else that is wrong, and of options that are', async () => {
    const warm = definePlugin({
      name: 'warm-up',
      version: '1.0.0',
      options: z.strictObject({ paths: z.array(z.string()) }),
      setup: () => {},
    });
    const found = await issues([warm({ paths: 'x', path: 1 } as never), named('Y')], { recover: 'never' as never });
    expect(found.map(({ path }) => path)).toEqual(['warm-up.paths', 'warm-up.path', 'plugins[1].name', 'recover']);
  });

  it('takes a plugin with options, checked and with their defaults, or the Result of one', async () => {
    const got: unknown[] = [];
    const warm = definePlugin({
      name: 'warm-up',
      version: '1.0.0',
      options: z.strictObject({ paths: z.array(z.string()).default(['/']) }).prefault({}),
      setup: (_host, options) => void got.push(options),
    });
    const { close } = await bed([warm(), ok(named('other'))]);
    expect(got).toEqual([{ paths: ['/'] }]);
    await close();
  });
});

describe('setup', () => {
  it.each<[string, (host: PluginHost) => unknown, Issue['path']]>([
    [
      'that throws',
      () => {
        throw new Error('x');
      },
      'plugins[0].setup',
    ],
    ['that rejects', () => Promise.reject(new Error('x')), 'plugins[0].setup'],
    ['that answers a number', () => 7, 'plugins[0].setup'],
    ['that answers a dispose that is none', () => ({ dispose: 7 }), 'plugins[0].setup'],
    ['with a hook at no step', (host) => host.before('cutovr' as never, () => {}), 'plugins[0].before'],
    ['with a hook at a step of nobody', (host) => host.after('x/y', () => {}), 'plugins[0].after'],
    ['with a hook that is none', (host) => host.after('commit', 7 as never), 'plugins[0].after["commit"]'],
    [
      'with a limit that is none',
      (host) => host.after('commit', () => {}, { timeout: 'soon' as never }),
      'plugins[0].after["commit"].timeout',
    ],
    [
      'with a step without a name',
      (host) => host.step({ before: 'create', run() {} } as never),
      'plugins[0].step.name',
    ],
    ['with a step without a place', (host) => host.step({ name: 'x', run() {} } as never), 'plugins[0].step x'],
    [
      'with a step before the claim',
      (host) => host.step({ name: 'x', before: 'claim', run() {} } as never),
      'plugins[0].step x.before',
    ],
    [
      'with a step after the commit',
      (host) => host.step({ name: 'x', after: 'commit', run() {} } as never),
      'plugins[0].step x.after',
    ],
    [
      'with a step that does nothing',
      (host) => host.step({ name: 'x', before: 'create' } as never),
      'plugins[0].step x.run',
    ],
    [
      'with two steps of one name',
      (host) => {
        for (let i = 0; i < 2; i += 1) host.step({ name: 'x', before: 'create', run() {} });
      },
      'plugins[0].step x.name',
    ],
    ['with a listener that is none', (host) => host.on('deployment.failed', 'x' as never), 'plugins[0].on'],
    ['with a notifier that is none', (host) => host.notifier({} as never), 'plugins[0].notifier'],
    [
      'with a notifier of another one’s name',
      (host) => host.notifier(memoryNotifier('ops')),
      'plugins[0].notifier.name',
    ],
  ])('%s is an error of the configuration', async (_what, setup, path) => {
    const found = await issues([plugin(setup as never)], { notifiers: [memoryNotifier('ops')] });
    expect(found.map((issue) => issue.path)).toEqual([path]);
  });

  it('names the steps that there are', async () => {
    const [issue] = await issues([plugin((host) => host.before('cutovr' as never, () => {}))]);
    expect(issue).toMatchObject({
      expected: expect.stringContaining('cutover, commit (did you mean "cutover"?)'),
      received: '"cutovr"',
    });
  });

  it('has 30 s, and then it is an error, too', async () => {
    const world = memoryWorld();
    const making = deployerIn(world, { plugins: [plugin(() => new Promise(() => {}))] });
    await expect(world.clock.until(making, 60_000)).rejects.toMatchObject({
      kind: 'invalid-config',
      message: expect.stringContaining('30000 ms'),
    });
  });

  it('that fails takes back those before it, and opens no store', async () => {
    const disposed: string[] = [];
    const world = memoryWorld();
    let isOpened = false;
    world.store.storeId = () => {
      isOpened = true;
      throw new Error('it is not to be opened');
    };
    const fine = (name: string) => plugin(() => ({ dispose: () => void disposed.push(name) }), { name });
    const broken = plugin(() => {
      throw new Error('no');
    });
    await expect(deployerIn(world, { plugins: [fine('a'), fine('b'), broken] })).rejects.toMatchObject({
      kind: 'invalid-config',
    });
    expect(disposed).toEqual(['b', 'a']);
    expect(isOpened).toBe(false);
  });

  it('is over when it is over: what comes later is an error of the plugin’s own', async () => {
    let kept: PluginHost | undefined;
    const { close } = await bed([
      plugin((host) => {
        kept = host;
      }),
    ]);
    expect(() => kept?.before('create', () => {})).toThrow('belongs into setup');
    expect(() => kept?.on('deployment.failed', () => {})).toThrow('belongs into setup');
    await close();
  });
});

describe('events', () => {
  it('are told to the listeners of plugins; one that throws or rejects harms nobody, and is told with its plugin', async () => {
    const told: string[] = [];
    const failed: DeployerEvents['listener.failed'][] = [];
    const { deployer, deploy, close } = await bed([
      plugin(
        (host) => {
          host.on('deployment.started', () => {
            throw new Error('at once');
          });
          host.on('deployment.started', async () => {
            throw new Error('later');
          });
          host.on('deployment.succeeded', ({ instance }) => void told.push(instance.tag));
        },
        { name: 'loud' },
      ),
    ]);
    deployer.on('listener.failed', (payload) => void failed.push(payload));
    expect(await deploy()).toMatchObject({ status: 'succeeded' });
    expect(told).toEqual(['v1']);
    expect(failed.map(({ error }) => error.message).sort()).toEqual([
      expect.stringContaining('plugin "loud": at once'),
      expect.stringContaining('plugin "loud": later'),
    ]);
    await close();
  });

  it('come to notifiers of plugins from the outbox, at least once', async () => {
    const notifier = memoryNotifier('mine');
    const { deploy, world, close } = await bed([plugin((host) => host.notifier(notifier))]);
    await world.clock.advance(1_000);
    await deploy();
    await close();
    expect(notifier.received.map(({ type }) => type)).toContain('deployment.succeeded');
  });
});

describe('dispose', () => {
  it('is called when the deployer closes, the last plugin first, each at most 10 s; one that fails is told', async () => {
    const order: string[] = [];
    const failed: DeployerEvents['plugin.failed'][] = [];
    const ending = (name: string, dispose: () => unknown) =>
      plugin(
        () => ({
          dispose() {
            order.push(name);
            return dispose();
          },
        }),
        { name },
      );
    const { deployer, world } = await bed([
      ending('a', () => undefined),
      ending('b', () => {
        throw new Error('stuck');
      }),
      ending('c', () => new Promise(() => {})),
      ending('d', async () => undefined),
    ]);
    deployer.on('plugin.failed', (payload) => void failed.push(payload));
    const startMs = world.clock.monotonicMs();
    await world.clock.until(deployer.close());
    await deployer.close();
    expect(order).toEqual(['d', 'c', 'b', 'a']);
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(15_000);
    expect(failed).toMatchObject([
      { plugin: 'c', at: 'dispose', deploymentId: null, error: { kind: 'timeout' } },
      { plugin: 'b', at: 'dispose', error: { kind: 'plugin-failed' } },
    ]);
    expect(world.clock.pending).toBe(0);
  });
});

describe('the state of a plugin', () => {
  it('is in the store, for every process and for no other plugin', async () => {
    let host: PluginHost | undefined;
    let other: PluginHost | undefined;
    const keep = plugin((given) => {
      host = given;
    });
    const second = plugin(
      (given) => {
        other = given;
      },
      { name: 'other' },
    );
    const { world, close } = await bed([keep, second]);
    const first = host?.state;
    expect(await first?.put('a', { n: 1 }, { version: 0 })).toBe(true);
    expect(await first?.put('a', { n: 2 }, { version: 0 })).toBe(false);
    expect(await first?.put('a', { n: 2 }, { version: 7 })).toBe(false);
    expect(await first?.put('a', { n: 3 }, { version: 1 })).toBe(true);
    expect(await first?.put('b', 'x')).toBe(true);
    expect(await other?.state.list()).toEqual([]);

    const elsewhere = await deployerIn(world, { plugins: [keep], store: world.store.connect() });
    expect(await host?.state.get('a')).toEqual({ key: 'a', value: { n: 3 }, version: 2 });
    expect(await host?.state.list()).toMatchObject([{ key: 'a' }, { key: 'b', value: 'x', version: 1 }]);
    await host?.state.remove('a');
    await host?.state.remove('a');
    expect(await first?.get('a')).toBeUndefined();
    await expect(host?.state.put('no spaces', 1)).rejects.toMatchObject({ kind: 'invalid-request' });
    await expect(host?.state.put('c', 1n)).rejects.toMatchObject({ kind: 'invalid-request' });
    await world.clock.until(elsewhere.close());
    await close();
    await expect(host?.state.get('b')).rejects.toMatchObject({ kind: 'closed' });
  });

  it('is there once the deployer has started', async () => {
    let early: Promise<unknown> | undefined;
    const { close } = await bed([
      plugin((host) => {
        early = host.state.get('x').catch((error: unknown) => error);
      }),
    ]);
    expect(await early).toMatchObject({ kind: 'closed' });
    await close();
  });
});

it('understands what it wrote in the same major version, and before the first in the same minor one', () => {
  expect(['1.0.0', '1.9.3', '2.0.0-rc.1', '0.3.1', '0.4.0', '10.0.0'].map(compatible)).toEqual([
    '1',
    '1',
    '2',
    '0.3',
    '0.4',
    '10',
  ]);
});
