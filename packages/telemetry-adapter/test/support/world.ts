/** A deployer over a world in memory, and how long its deployments take is up to the test. */
import { createDeployer, type Deployer, type DeployerOptions, unwrap } from '@quayside/core';
import { type MemoryWorld, memoryWorld } from '@quayside/core/testing';

export const IMAGE = 'registry.test/shop';
export const DEV = { project: 'shop', stage: 'dev' } as const;

export interface World extends MemoryWorld {
  open(options?: Partial<DeployerOptions>): Promise<Deployer>;
  push(tag: string, behaviour?: Parameters<MemoryWorld['engine']['push']>[1]): void;
  /** Waits in virtual time. */
  until<T>(work: PromiseLike<T>): Promise<T>;
}

export function world(): World {
  const memory = memoryWorld();
  const { engine, ...ports } = memory;
  return {
    ...memory,
    open: (options = {}) =>
      unwrap(
        createDeployer({
          ...ports,
          settings: { domain: 'apps.test' },
          projects: {
            shop: {
              image: IMAGE,
              stages: {
                dev: { port: 3000, maxInstances: 1, env: { API_TOKEN: 'cAnArY-sEcReT' } },
                'pr-*': { port: 3000, maxInstances: 1 },
              },
            },
          },
          ...options,
        } as DeployerOptions),
      ),
    push: (tag, behaviour = {}) => void engine.push(`${IMAGE}:${tag}`, { body: tag, ...behaviour }),
    until: (work) => memory.clock.until(work),
  };
}
