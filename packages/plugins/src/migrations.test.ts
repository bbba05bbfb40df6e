import { unwrap } from '@quayside/core';
import { describe, expect, it } from 'vitest';
import { migrations } from './migrations.js';
import { bed, logOf, newestOf } from './testbed.js';

const DEV = { project: 'shop', stage: 'dev' } as const;

describe('migrations', () => {
  it('are run in a container of the new image before the new instance is made, with the stage’s environment', async () => {
    const { world, ran, deployer: make } = bed({ migrate: { lines: ['3 migrations applied'] } });
    let containersThen: string[] = [];
    world.engine.watchers.add(({ name, type }) => {
      if (type === 'started' && name.endsWith('-run')) containersThen = [...world.engine.containers.keys()];
    });
    const deployer = await make([migrations({ command: ['migrate', 'up'], env: { QUIET: '1' } })]);
    const deployment = await world.clock.until(unwrap(deployer.deploy({ ...DEV, tag: 'v1' })));
    expect(deployment.status).toBe('succeeded');
    expect(ran[0]).toEqual({
      command: ['migrate', 'up'],
      env: { DATABASE_URL: 'postgres://app:open-sesame@db', QUIET: '1' },
    });
    expect(containersThen).toEqual([`migrations-up-${deployment.id}-run`]);
    expect(deployment.steps.map(({ name }) => name).slice(0, 3)).toEqual(['pull', 'migrations/up', 'create']);
    const log = await logOf(deployer, deployment.id);
    expect(log).toContain('3 migrations applied');
    expect(log).toContain('Migrated in 0.5 s.');
    await world.clock.until(deployer.close());
  });

  it('that end with another code than 0 fail the deployment, and the old version serves on', async () => {
    const { world, deployer: make } = bed({
      migrate: { lines: ['applying 004', 'column "price" does not exist at open-sesame'], exitCode: 3 },
    });
    const first = await make([]);
    await world.clock.until(unwrap(first.deploy({ ...DEV, tag: 'v1' })));
    await world.clock.until(first.close());
    const deployer = await make([migrations({ command: ['migrate'] })]);
    const failed = (await world.clock.until(deployer.deploy({ ...DEV, tag: 'v2' })))._unsafeUnwrapErr();
    expect(failed).toMatchObject({
      kind: 'plugin-failed',
      code: 'exit-3',
      step: 'migrations/up',
      message: expect.stringMatching(/migrate ended with exit code 3: column "price" does not exist at/),
      details: { exitCode: 3, output: expect.stringContaining('applying 004') },
    });
    expect(world.proxy.request('stage-dev-shop.apps.test').status).toBe(200);
    expect([...world.engine.containers.values()].map(({ spec }) => spec.tag)).toEqual(['v1']);
    expect(await logOf(deployer, (await newestOf(deployer)).id)).toContain(
      'The database stays as the migration has left it: there is no `down`.',
    );
    await world.clock.until(deployer.close());
  });

  it('are taken back by `down` where a later step fails', async () => {
    const one = bed();
    one.world.engine.push('registry.test/shop:v1', {
      status: 500,
      commands: (command) => ({ lines: [command.join(' ')], exitsAfterMs: 500, exitCode: 0 }),
    });
    const deployer = await one.deployer([
      migrations({ command: ['migrate'], down: ['migrate', 'down'], stages: ['d*'] }),
    ]);
    const failed = await one.world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }), 600_000);
    expect(failed._unsafeUnwrapErr()).toMatchObject({ kind: 'unhealthy', deployment: { cleanup: 'none' } });
    const log = await logOf(deployer, (await newestOf(deployer)).id);
    expect(log).toContain('migrate down');
    expect(log.at(-1)).toBe('Everything it made is gone again.');
    expect(log).toContain('Took the migration back.');
    await one.world.clock.until(deployer.close());
  });

  it('are a function of the host where it wants that, and its undo', async () => {
    const { world, deployer: make } = bed();
    const called: string[] = [];
    const deployer = await make([
      migrations({
        up: async ({ tag, sleep }: { tag: string; sleep(ms: number): Promise<void> }) => {
          await sleep(100);
          called.push(`up ${tag}`);
          if (tag === 'v2') throw new Error('no such table');
        },
        down: ({ tag, wasOpen }: { tag: string; wasOpen: boolean }) => void called.push(`down ${tag} ${wasOpen}`),
      }),
    ]);
    expect((await world.clock.until(deployer.deploy({ ...DEV, tag: 'v1' }))).isOk()).toBe(true);
    const failed = await world.clock.until(deployer.deploy({ ...DEV, tag: 'v2' }));
    expect(failed._unsafeUnwrapErr().message).toBe('Plugin "migrations" in step up failed: no such table');
    expect(called).toEqual(['up v1', 'up v2', 'down v2 false']);
    await world.clock.until(deployer.close());
  });

  it('are no part of stages that are not named, and of a roll back to what runs', async () => {
    const { world, deployer: make } = bed({}, { dev: { port: 3000 }, prod: { port: 3000 } });
    const called: string[] = [];
    const deployer = await make([
      migrations({
        up: ({ stage, tag }: { stage: string; tag: string }) => void called.push(`${stage} ${tag}`),
        stages: ['prod'],
      }),
    ]);
    for (const tag of ['v1', 'v2'])
      for (const stage of ['dev', 'prod'])
        await world.clock.until(unwrap(deployer.deploy({ project: 'shop', stage, tag })));
    await world.clock.until(unwrap(deployer.rollBack({ project: 'shop', stage: 'prod' })));
    expect(called).toEqual(['prod v1', 'prod v2']);
    await world.clock.until(deployer.close());
  });

  it.each([
    ['nothing to run', {}, 'migrations.command'],
    ['two things to run', { command: ['x'], up: () => undefined }, 'migrations.command'],
    ['an undo of another kind', { command: ['x'], down: () => undefined }, 'migrations.down'],
    ['a place that is none', { command: ['x'], before: 'claim' }, 'migrations.before'],
    ['a name that is none', { command: ['x'], name: 'My Plugin' }, 'migrations.name'],
    ['an unknown option', { command: ['x'], comand: ['x'] }, 'migrations.comand'],
  ])('are refused with %s', (_what, options, path) => {
    const { issues } = migrations(options as never)._unsafeUnwrapErr();
    expect(issues.map((issue) => issue.path)).toEqual([path]);
  });
});
