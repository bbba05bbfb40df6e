/** What the doctor says of instances, by what has become of their containers. */
import { createDeployer, type DeployerOptions, unwrap } from '@quayside/core';
import { memoryWorld } from '@quayside/core/testing';
import { errAsync } from 'neverthrow';
import { expect, it } from 'vitest';
import { checkInstances } from './instances.js';

/** One instance serves, in a world where this happens next. */
async function says(
  befalls: (world: ReturnType<typeof memoryWorld>, container: string) => Promise<void> | void,
  behaviour: Parameters<ReturnType<typeof memoryWorld>['engine']['push']>[1] = {},
  change: (options: DeployerOptions) => object = () => ({}),
) {
  const world = memoryWorld();
  const { engine, clock, ...ports } = world;
  engine.push('registry.test/shop:v1', behaviour);
  const projects = { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000 } } } };
  const options: DeployerOptions = { ...ports, clock, settings: { domain: 'apps.test' }, projects, recover: 'manual' };
  const deployer = await unwrap(createDeployer(options));
  const { id } = await clock.until(unwrap(deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' })));
  const [container = ''] = [...engine.containers.keys()];
  await befalls(world, container);
  const patient = { deployer, options: { ...options, ...change(options) }, folder: '/' };
  const found = await clock.until(checkInstances(patient, new AbortController().signal));
  await clock.until(deployer.close());
  return found.map(({ status, message, hint }) =>
    `${status}: ${message}${hint ? ` > ${hint}` : ''}`.replaceAll(id, 'ID'),
  );
}

const WHY = 'Its last lines say why: `quayside logs ID --container`.';

it('is content with one that runs', async () => {
  expect(await says(() => {})).toEqual(['ok: 1 runs']);
});

it('names one that has ended, and one that ends again and again', async () => {
  const once = await says(({ engine }, container) => engine.kill(container, 3));
  expect(once).toEqual([`failed: ID of shop/dev, which serves, has ended, with exit code 3 > ${WHY}`]);
  const again = await says(async ({ engine, clock }, container) => {
    engine.kill(container, 3);
    await clock.advance(5_000);
    engine.kill(container, 4);
  });
  expect(again).toEqual([
    `failed: ID of shop/dev, which serves, ends again and again, and was started again once, with exit code 4 > ${WHY}`,
  ]);
});

it('names one that runs just now and has been started again and again', async () => {
  const said = await says(async ({ engine, clock }, container) => {
    for (let times = 0; times < 3; times += 1) {
      engine.kill(container, 3);
      await clock.advance(5_000);
    }
  });
  expect(said).toEqual([`warning: ID of shop/dev, which serves, runs, and was started again 3 times > ${WHY}`]);
});

it('names one whose container is stopped', async () => {
  const said = await says(({ engine }, name) => {
    const container = engine.containers.get(name);
    if (container) engine.stop(container, 137);
  });
  expect(said).toEqual([
    `failed: ID of shop/dev, which serves, does not run: its container is exited, with exit code 137 > ${WHY}`,
  ]);
});

it('has the last word of an image that checks itself', async () => {
  const health = { status: 'healthy', afterMs: 10 } as const;
  const said = await says(
    ({ engine }, container) => {
      const digest = engine.containers.get(container)?.spec.image.split('@')[1] ?? '';
      const ill = { status: 'unhealthy', afterMs: 0, output: 'tried\nno database' } as const;
      engine.behaviours.set(digest, { health: ill });
    },
    { health },
  );
  expect(said).toEqual([`warning: ID of shop/dev, which serves, is unhealthy by its own check: no database > ${WHY}`]);
});

it('does not judge what is at another engine, or where the engine does not answer', async () => {
  expect(await says(({ engine }) => engine.containers.clear())).toEqual(['skipped: 1 of 1 are not at this engine']);
  const down = errAsync({ kind: 'engine-unreachable', message: 'Nobody answers.', hint: '', retryable: true });
  const silent = await says(
    () => {},
    {},
    ({ runtime }) => ({ runtime: { ...runtime, list: () => down } }),
  );
  expect(silent).toEqual(['skipped: the engine does not answer']);
});
