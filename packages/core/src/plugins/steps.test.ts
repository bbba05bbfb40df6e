/** Steps of plugins: where they stand, what the journal has of them, and who takes them back. */
import { describe, expect, it } from 'vitest';
import { brokenPromises, deployerIn, everythingIn, mortalWorld, push } from '../deployer/testbed.js';
import { unwrap } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import { type MemoryWorld, memorySealer, memoryWorld } from '../testing/index.js';
import { type Bed, bed, newest, plugin } from './testbed.js';
import type { Plugin, PluginStep, StepContext } from './types.js';

const stepsOf = async (of: Bed) => (await newest(of)).steps.map(({ name, status }) => `${name} ${status}`);

/** A step with an effect on something outside of the deployer: `done` has it as long as it is not taken back. */
function stepWith(done: Set<string>, more: Partial<PluginStep> = {}, { name = 'own', version = '1.0.0' } = {}): Plugin {
  return plugin(
    (host) =>
      host.step({
        name: 'mark',
        before: 'cutover',
        intent: ({ deploymentId }) => ({ id: deploymentId }),
        run: (_context: StepContext, intent: Json) => void done.add((intent as { id: string }).id),
        undo: (_context: unknown, intent: Json) => void done.delete((intent as { id: string }).id),
        ...more,
      } as PluginStep),
    { name, version },
  );
}

describe('a step of a plugin', () => {
  it('stands at its place, with its own time and status in the history, and events like any other', async () => {
    const told: string[] = [];
    const place = (name: string, at: object) =>
      plugin((host) => host.step({ name: 'go', ...at, run: () => undefined } as unknown as PluginStep), { name });
    const of = await bed([
      place('a', { before: 'commit' }),
      place('b', { after: 'claim' }),
      place('c', { before: 'cutover' }),
      place('d', { after: 'health' }),
      place('e', { before: 'stop-previous' }),
      place('f', { before: 'cutover' }),
    ]);
    of.deployer.on('deployment.step', ({ step }) => void told.push(`${step.name} ${step.status}`));
    await of.deploy();
    expect(await stepsOf(of)).toEqual(
      ['b/go', 'pull', 'e/go', 'create', 'start', 'route', 'health', 'd/go', 'c/go', 'f/go', 'cutover', 'a/go'].map(
        (step) => `${step} done`,
      ),
    );
    expect(told).toContain('c/go running');
    expect(told).toContain('c/go done');
    await of.close();
  });

  it('is run where the step that it stands at is none of the deployment, too', async () => {
    const runs: number[] = [];
    const of = await bed([
      plugin((host) => host.step({ name: 'go', before: 'cutover', run: () => void runs.push(1) })),
    ]);
    expect(await of.deploy({ stage: 'silent' })).toMatchObject({ status: 'succeeded' });
    expect(runs).toEqual([1]);
    await of.close();
  });

  it('is left out where it says so, with no trace', async () => {
    const asked: unknown[] = [];
    const of = await bed([
      stepWith(new Set(), {
        when: (about) => {
          asked.push(about);
          return about.stage === 'other';
        },
      }),
    ]);
    await of.deploy();
    expect((await stepsOf(of)).join()).not.toContain('own/mark');
    expect(asked[0]).toMatchObject({ project: 'shop', stage: 'dev', tag: 'v1', mode: 'create', kind: 'deploy' });
    await of.deploy({ stage: 'other' });
    expect(await stepsOf(of)).toContain('own/mark done');
    await of.close();
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('moody');
      },
      'failed: moody',
    ],
    ['answers no boolean', () => 'yes', 'answered a string, where true or false was expected.'],
  ])('whose question %s fails the deployment before anything is touched', async (_what, when, message) => {
    const of = await bed([stepWith(new Set(), { when: when as never })]);
    expect(await of.deploy()).toMatchObject({
      kind: 'plugin-failed',
      message: `Plugin "own" asking whether step mark is wanted ${message}`,
      deployment: { status: 'failed', steps: [] },
    });
    await of.close();
    expect(await brokenPromises(of.world)).toEqual([]);
  });

  it('has hooks before and after it', async () => {
    const called: string[] = [];
    const of = await bed([
      plugin(
        (host) => {
          host.before('own/mark', ({ instance }) => void called.push(`before ${instance !== null}`));
          host.after('own/mark', () => void called.push('after'));
        },
        { name: 'other' },
      ),
      stepWith(new Set(), { run: () => void called.push('run') }),
    ]);
    await of.deploy();
    expect(called).toEqual(['before true', 'run', 'after']);
    await of.close();
  });

  it('gets a copy of what it intends, which undo gets as it was written down', async () => {
    const undone: unknown[] = [];
    const of = await bed([
      stepWith(new Set(), {
        intent: () => ({ list: [1] }),
        run: (_context, intent) => {
          (intent as { list: number[] }).list.push(2);
          throw new Error('half done');
        },
        undo: (_context, intent) => void undone.push(intent),
      }),
    ]);
    await of.deploy();
    expect(undone).toEqual([{ list: [1] }]);
    await of.close();
  });

  it.each([
    ['a function', () => () => 1, 'a function, which is no JSON'],
    [
      'a circle',
      () => {
        const circle: { self?: unknown } = {};
        circle.self = circle;
        return circle;
      },
      'what is no JSON',
    ],
    ['a big number', () => 1n, 'what is no JSON'],
    ['more than a record takes', () => 'x'.repeat(70_000), 'of at most 65536'],
  ])('that intends %s fails the deployment before it is run', async (_what, intent, message) => {
    const done = new Set<string>();
    const of = await bed([stepWith(done, { intent: intent as never })]);
    expect(await of.deploy()).toMatchObject({ kind: 'plugin-failed', message: expect.stringContaining(message) });
    expect(done.size).toBe(0);
    await of.close();
    expect(await brokenPromises(of.world)).toEqual([]);
  });

  it('may not have a secret in what it intends, as the journal is in the store', async () => {
    const of = await bed([stepWith(new Set(), { intent: () => ({ url: 'postgres://app:open-sesame@db/app' }) })], {
      projects: {
        shop: { image: 'registry.test/shop', env: { PASSWORD: 'open-sesame' }, stages: { dev: { port: 3000 } } },
      },
    });
    expect(await of.deploy()).toMatchObject({
      kind: 'plugin-failed',
      message: expect.stringContaining('a secret in it'),
    });
    const { id } = await newest(of);
    expect(await everythingIn(of.world.store.connect(), id)).not.toContain('open-sesame');
    await of.close();
  });
});

describe('undoing it', () => {
  it('happens where it failed, and where a later step did, the newest first', async () => {
    for (const failing of ['step', 'later'] as const) {
      const done = new Set<string>();
      const order: string[] = [];
      const named = (name: string) =>
        stepWith(
          done,
          {
            run: (_context, intent) => {
              done.add(`${name} ${(intent as { id: string }).id}`);
              if (failing === 'step' && name === 'second') throw new Error('no');
            },
            undo: ({ wasOpen }, intent) => {
              order.push(`${name} ${wasOpen}`);
              done.delete(`${name} ${(intent as { id: string }).id}`);
            },
          },
          { name },
        );
      const breaking = plugin((host) =>
        host.before('commit', () => {
          throw new Error('no');
        }),
      );
      const of = await bed([named('first'), named('second'), ...(failing === 'later' ? [breaking] : [])]);
      expect(await of.deploy()).toMatchObject({ deployment: { status: 'failed', cleanup: 'none' } });
      expect([...done]).toEqual([]);
      expect(order).toEqual(['second false', 'first false']);
      await of.close();
      expect(await brokenPromises(of.world)).toEqual([]);
    }
  });

  it('is told whether its end was learned: not of one that hung', async () => {
    let wasOpen: boolean | undefined;
    const of = await bed([
      stepWith(new Set(), {
        timeout: '5s',
        run: () => new Promise(() => {}),
        undo: (context) => {
          wasOpen = context.wasOpen;
        },
      }),
    ]);
    expect(await of.deploy()).toMatchObject({
      kind: 'timeout',
      message: expect.stringContaining('took longer than its limit of 5000 ms'),
      step: 'own/mark',
    });
    expect(wasOpen).toBe(true);
    await of.close();
    expect(await brokenPromises(of.world)).toEqual([]);
  });

  it('that fails or hangs stops what is older, and is tried again until it is done', async () => {
    for (const how of ['throws', 'hangs'] as const) {
      const done = new Set<string>();
      let isAway = true;
      const of = await bed([
        stepWith(done, {
          undoTimeout: '2s',
          run: (_context, intent) => {
            done.add((intent as { id: string }).id);
            throw new Error('no');
          },
          undo: async (_context, intent) => {
            if (isAway && how === 'hangs') await new Promise(() => {});
            if (isAway) throw new Error('not now');
            done.delete((intent as { id: string }).id);
          },
        }),
      ]);
      expect(await of.deploy()).toMatchObject({
        message: expect.stringContaining('failed: no'),
        deployment: { status: 'failed', cleanup: 'pending', left: expect.arrayContaining(['step own/mark']) },
      });
      expect(of.world.engine.containers.size).toBe(1);
      isAway = false;
      await of.world.clock.advance(300_000);
      expect(await newest(of)).toMatchObject({ status: 'failed', cleanup: 'done', left: [] });
      expect(done.size).toBe(0);
      await of.close();
      expect(await brokenPromises(of.world)).toEqual([]);
    }
  });
});

/** A host that dies in the midst of its plugin's step, and what it has left. */
async function killedInside(done: Set<string>, more: Partial<PluginStep> = {}) {
  const world = memoryWorld();
  push(world, 'v1', 'v2');
  const doomed = mortalWorld(world, { commit: Number.MAX_SAFE_INTEGER, when: 'before' });
  const dying = stepWith(done, {
    run: (_context, intent) => {
      done.add((intent as { id: string }).id);
      doomed.kill();
      return new Promise(() => {});
    },
    ...more,
  });
  const first = await deployerIn(world, { ...doomed.ports, plugins: [dying] });
  void first.deploy({ project: 'shop', stage: 'dev', tag: 'v1' });
  await world.clock.advance(60_000);
  expect(doomed.isDead).toBe(true);
  doomed.bury();
  expect([...world.engine.containers.values()].length).toBeGreaterThan(0);
  return world;
}

async function recoveredBy(world: MemoryWorld, plugins: readonly Plugin[]) {
  const deployer = await deployerIn(world, { recover: 'manual', plugins, store: world.store.connect() });
  const report = await world.clock.until(unwrap(deployer.recover()), 600_000);
  const state = await newest({ deployer });
  await world.clock.until(deployer.close());
  return { report, state };
}

describe('a host that dies inside it', () => {
  it('is recovered by a fresh one with the plugin, which undoes it and all the rest', async () => {
    const done = new Set<string>();
    let wasOpen: boolean | undefined;
    const world = await killedInside(done);
    expect(done.size).toBe(1);
    const { report, state } = await recoveredBy(world, [
      stepWith(done, {
        undo: (context, intent) => {
          wasOpen = context.wasOpen;
          expect(context).toMatchObject({ project: 'shop', stage: 'dev', tag: 'v1', spec: { port: 3000 } });
          done.delete((intent as { id: string }).id);
        },
      }),
    ]);
    expect(report).toMatchObject({ unfinished: [], needsHost: [] });
    expect(state).toMatchObject({ status: 'failed', error: { kind: 'interrupted' }, cleanup: 'none' });
    expect([done.size, wasOpen]).toEqual([0, true]);
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('is recovered by one with another version of the same major number', async () => {
    const done = new Set<string>();
    const world = await killedInside(done);
    const { report } = await recoveredBy(world, [stepWith(done, {}, { version: '1.7.2' })]);
    expect(report.needsHost).toEqual([]);
    expect(done.size).toBe(0);
    expect(await brokenPromises(world)).toEqual([]);
  });

  it.each([
    ['without the plugin', () => []],
    ['with another major version of it', (done: Set<string>) => [stepWith(done, {}, { version: '2.0.0' })]],
    ['with it, and without the step', () => [plugin(() => {})]],
  ])('waits for another one where it is a host %s, and says for which', async (_what, others) => {
    const done = new Set<string>();
    const world = await killedInside(done);
    const { report, state } = await recoveredBy(world, others(done));
    const reason = 'It takes a host with the plugin "own" in version 1, whose step "own/mark" is to be undone.';
    expect(report.needsHost).toEqual([{ deployment: state.id, reason }]);
    expect(state).toMatchObject({ status: 'failed', cleanup: 'pending', needsHost: reason });
    // Nothing that was begun before it is touched: the step may need it.
    expect(world.engine.containers.size).toBe(1);
    expect(done.size).toBe(1);

    const { report: second, state: after } = await recoveredBy(world, [stepWith(done)]);
    expect(second.needsHost).toEqual([]);
    expect(after).toMatchObject({ cleanup: 'done', needsHost: null });
    expect(done.size).toBe(0);
    expect(await brokenPromises(world)).toEqual([]);
  });
});

describe('a queued deployment of a host that is gone', () => {
  it('is run by a worker with the same plugins, and marked by one without', async () => {
    const world = memoryWorld();
    push(world, 'v1');
    const done = new Set<string>();
    const projects = { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000 } } } };
    const worker = { group: 'all' };
    const first = await deployerIn(world, { projects, worker, plugins: [stepWith(done)] });
    // It is closed while another host holds the stage, so what it was asked for stays queued.
    const holding = await deployerIn(world, {
      projects,
      store: world.store.connect(),
      plugins: [plugin((host) => host.before('health', ({ sleep }) => sleep(20_000)))],
    });
    const held = holding.deploy({ project: 'shop', stage: 'dev', tag: 'v1' });
    await world.clock.advance(1_000);
    const { id } = await unwrap(first.submit({ project: 'shop', stage: 'dev', tag: 'v1', force: true }));
    await world.clock.until(first.close());

    const without = await deployerIn(world, { projects, worker, store: world.store.connect() });
    await world.clock.until(held, 60_000);
    await world.clock.advance(120_000);
    expect(await unwrap(without.deployments.get(id))).toMatchObject({
      status: 'queued',
      needsHost: 'It takes a host with the plugin own@1.',
    });
    await world.clock.until(without.close());
    const withIt = await deployerIn(world, {
      projects,
      worker,
      store: world.store.connect(),
      plugins: [stepWith(done)],
    });
    await world.clock.advance(120_000);
    expect(await unwrap(withIt.deployments.get(id))).toMatchObject({ status: 'succeeded' });
    expect(done).toContain(id);
    await world.clock.until(withIt.close());
    await world.clock.until(holding.close());
  });
});

describe('a container that runs one command', () => {
  const COMMANDS = (command: readonly string[], env: { readonly [name: string]: string }) => ({
    lines: [`${command.join(' ')} with ${env['TOKEN']} and ${env['MORE']}`],
    exitsAfterMs: 1_000,
    exitCode: command.includes('fail') ? 3 : 0,
  });
  const running = (run: PluginStep['run'], more: Partial<PluginStep> = {}) =>
    stepWith(new Set(), { before: 'create', run, ...more } as Partial<PluginStep>);
  const projects = {
    shop: {
      image: 'registry.test/shop',
      env: { TOKEN: 'hush-hush' },
      stages: { dev: { port: 3000, networks: [{ name: 'apps', aliases: ['shop'] }] } },
    },
  };
  const worldOf = () => {
    const world = memoryWorld();
    for (const tag of ['v1', 'v2']) world.engine.push(`registry.test/shop:${tag}`, { body: tag, commands: COMMANDS });
    return world;
  };

  it('has the image and the environment of the deployment, no name or port of the app, and is gone afterwards', async () => {
    const world = worldOf();
    const seen: unknown[] = [];
    const ended: unknown[] = [];
    world.engine.watchers.add(({ name, type }) => {
      if (type === 'started') seen.push(world.engine.containers.get(name)?.spec);
    });
    const deployer = await deployerIn(world, {
      projects,
      plugins: [
        running(async ({ runToEnd }) => {
          ended.push(await runToEnd(['migrate', 'up'], { env: { MORE: 'of it' } }));
          ended.push(await runToEnd(['migrate', 'fail'], { entrypoint: ['/bin/sh'] }));
        }),
      ],
    });
    const deployment = await world.clock.until(deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' }));
    expect(deployment._unsafeUnwrap().status).toBe('succeeded');
    expect(ended).toEqual([
      { exitCode: 0, output: 'migrate up with *** and of it\n' },
      { exitCode: 3, output: 'migrate fail with *** and undefined\n' },
    ]);
    const { id, digest } = deployment._unsafeUnwrap();
    expect(seen[0]).toMatchObject({
      name: `own-mark-${id}-run`,
      owner: { deployment: id },
      image: `registry.test/shop@${digest}`,
      command: ['migrate', 'up'],
      entrypoint: null,
      env: { TOKEN: 'hush-hush', MORE: 'of it' },
      port: null,
      restart: 'no',
      networks: [{ name: 'apps', aliases: [] }],
    });
    expect(seen[1]).toMatchObject({ entrypoint: ['/bin/sh'] });
    expect([...world.engine.containers.keys()]).toEqual([`shop-dev-v1-${id}`]);
    await world.clock.until(deployer.close());
    expect(await brokenPromises(world)).toEqual([]);
  });

  it.each([
    ['while it runs', 500],
    ['right after it was made', 0],
  ])('is removed by whoever recovers, where the host dies %s', async (_when, afterMs) => {
    const world = worldOf();
    const doomed = mortalWorld(world, { commit: Number.MAX_SAFE_INTEGER, when: 'before' });
    world.engine.watchers.add(({ type }) => {
      if (type !== 'started') return;
      if (afterMs === 0) doomed.kill();
      else world.clock.after(afterMs, () => doomed.kill());
    });
    const own = (ran: string[]) =>
      running(({ runToEnd }) => runToEnd(['migrate', 'up']), {
        undo: async ({ runToEnd, log }) => {
          const { output } = await runToEnd(['migrate', 'down']);
          log.info(output);
          ran.push(output);
        },
      });
    const sealer = memorySealer();
    const first = await deployerIn(world, { ...doomed.ports, projects, sealer, plugins: [own([])] });
    void first.deploy({ project: 'shop', stage: 'dev', tag: 'v1' });
    await world.clock.advance(30_000);
    expect(doomed.isDead).toBe(true);
    doomed.bury();
    world.engine.watchers.clear();
    const [left] = [...world.engine.containers.keys()];
    expect(left).toMatch(/^own-mark-.*-run$/);

    const ran: string[] = [];
    const second = await deployerIn(world, {
      projects: { shop: { ...projects.shop, env: {} } },
      sealer,
      recover: 'manual',
      plugins: [own(ran)],
      store: world.store.connect(),
    });
    const report = await world.clock.until(unwrap(second.recover()), 600_000);
    expect(report).toMatchObject({ unfinished: [], needsHost: [] });
    // With the environment as it was sealed, which is shown to nobody.
    expect(ran).toEqual(['migrate down with *** and undefined\n']);
    const { id } = await newest({ deployer: second });
    expect(await everythingIn(world.store.connect(), id)).not.toContain('hush-hush');
    await world.clock.until(second.close());
    expect(world.engine.containers.size).toBe(0);
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('is ended by a cancel, and removed', async () => {
    const world = worldOf();
    world.engine.push('registry.test/shop:v1', { commands: () => ({}) });
    const deployer = await deployerIn(world, {
      projects,
      plugins: [running(({ runToEnd }) => runToEnd(['sleep', 'infinity']))],
    });
    const deployment = deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' });
    await world.clock.advance(10_000);
    expect(world.engine.containers.size).toBe(1);
    await world.clock.until(deployer.cancel((await newest({ deployer })).id));
    expect((await world.clock.until(deployment))._unsafeUnwrapErr().kind).toBe('cancelled');
    expect(world.engine.containers.size).toBe(0);
    await world.clock.until(deployer.close());
    expect(await brokenPromises(world)).toEqual([]);
  });

  it('is refused where the runtime cannot, and once the step is over', async () => {
    const world = worldOf();
    const { runToEnd: _lacks, ...runtime } = world.runtime;
    let late: StepContext | undefined;
    const deployer = await deployerIn(world, {
      projects,
      runtime,
      plugins: [running(({ runToEnd }) => runToEnd(['x']))],
    });
    const failed = await world.clock.until(deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' }));
    expect(failed._unsafeUnwrapErr()).toMatchObject({
      kind: 'plugin-failed',
      message: expect.stringContaining('`runToEnd`'),
    });
    await world.clock.until(deployer.close());
    const second = await deployerIn(world, {
      projects,
      store: world.store.connect(),
      plugins: [
        running((context) => {
          late = context;
        }),
      ],
    });
    await world.clock.until(second.deploy({ project: 'shop', stage: 'dev', tag: 'v1' }));
    await expect(late?.runToEnd(['x'])).rejects.toMatchObject({ kind: 'plugin-failed' });
    expect([...world.engine.containers.keys()].some((name) => name.endsWith('-run'))).toBe(false);
    await world.clock.until(second.close());
  });
});

it('costs a deployment nothing where there is none', async () => {
  const commits = async (plugins: readonly Plugin[] | undefined) => {
    const world = memoryWorld();
    let count = 0;
    const commit = world.store.commit.bind(world.store);
    world.store.commit = (...args) => {
      count += 1;
      return commit(...args);
    };
    const of = await bed(plugins, { world });
    await of.deploy();
    await of.close();
    return count;
  };
  const none = await commits(undefined);
  expect(await commits([])).toBe(none);
  // Nor one that listens and hooks.
  expect(await commits([plugin((host) => host.before('health', () => undefined))])).toBe(none);
});
