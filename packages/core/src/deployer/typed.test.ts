import { expect, expectTypeOf, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import { memoryWorld } from '../testing/index.js';
import { createDeployer } from './create.js';
import type { Deployer } from './types.js';

const open = () => {
  const { engine: _engine, ...ports } = memoryWorld();
  return unwrap(
    createDeployer({
      ...ports,
      settings: { domain: 'apps.test' },
      projects: {
        shop: { image: 'registry.test/shop', stages: { dev: { port: 3000 }, 'pr-*': { port: 3000 } } },
        docs: { image: 'registry.test/docs', stages: { prod: { port: 80 } } },
      },
    }),
  );
};

it('lets the compiler know the projects and stages of a literal configuration', async () => {
  const deployer = await open();
  type Request = Parameters<typeof deployer.deploy>[0];
  expectTypeOf<{ project: 'shop'; stage: 'dev'; tag: string }>().toExtend<Request>();
  expectTypeOf<{ project: 'shop'; stage: 'pr-42'; tag: string }>().toExtend<Request>();
  expectTypeOf<{ project: 'docs'; stage: 'prod'; tag: string }>().toExtend<Request>();
  expectTypeOf<{ project: 'docs'; stage: 'dev'; tag: string }>().not.toExtend<Request>();
  expectTypeOf<{ project: 'shop'; stage: 'prod'; tag: string }>().not.toExtend<Request>();
  expectTypeOf<{ project: 'nothing'; stage: 'dev'; tag: string }>().not.toExtend<Request>();
  await deployer.close();
});

it('stands wherever any deployer is wanted', async () => {
  const deployer = await open();
  const any: Deployer = deployer;
  const answer = await any.plan({ project: 'shop', stage: 'prod', tag: 'v1' });
  expect(answer._unsafeUnwrapErr()).toMatchObject({ kind: 'unknown-stage', hint: expect.stringContaining('pr-*') });
  await any.close();
});
