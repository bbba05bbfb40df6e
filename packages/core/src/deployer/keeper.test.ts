/** Pruning in the background, where its code cannot be loaded: the package is being replaced, or the process has no file to spare. */
import { expect, it, vi } from 'vitest';
import { unwrap } from '../domain/errors.js';
import { memoryWorld } from '../testing/index.js';
import { createDeployer } from './create.js';

vi.mock('../retention/prune.js', () => {
  throw new Error('no such file');
});

it('tells of a pruning that cannot be loaded, and ends nothing with it', async () => {
  const { engine, ...ports } = memoryWorld();
  const { clock } = ports;
  engine.push('registry.test/shop:v1');
  const deployer = await unwrap(
    createDeployer({
      ...ports,
      recover: 'manual',
      settings: { domain: 'apps.test' },
      projects: { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000 } } } },
    }),
  );
  const failed = new Promise((resolve) => deployer.once('task.failed', resolve));
  await clock.until(deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' }));
  await clock.advance(6_000);
  expect(await failed).toMatchObject({ kind: 'prune', error: { kind: 'bug' } });
  await clock.until(deployer.close());
});
