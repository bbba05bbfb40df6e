/** A handler over a deployer in memory, and calls as a client makes them. */
import { createDeployer, type Deployer, type DeployerOptions, unwrap } from '@quayside/core';
import { type MemoryWorld, memoryWorld } from '@quayside/core/testing';
import { type ApiHandler, type ApiOptions, apiHandler, type Problem } from '../../src/index.js';

export const IMAGE = 'registry.test/shop';
export const PROJECTS = {
  shop: { image: IMAGE, stages: { dev: { port: 3000, maxInstances: 3 }, 'pr-*': { port: 3000 } } },
  blog: { image: 'registry.test/blog', stages: { prod: { port: 3000 } } },
} as const;

export interface Bed {
  readonly world: MemoryWorld;
  readonly deployer: Deployer;
  readonly handler: ApiHandler;
  /** Calls as `ann`, with JSON where there is a body. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Submits, waits for the end, and answers the deployment's id. */
  deployed(tag: string, more?: object): Promise<string>;
  /** Lets that time of the world pass. */
  passes(ms: number): Promise<void>;
  close(): Promise<void>;
}

export const request = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Request =>
  new Request(`http://quayside.test${path}`, {
    method,
    headers: {
      authorization: 'Bearer ann',
      ...(body === undefined && method !== 'POST' ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });

/** Everybody who has a bearer token is who it says. */
export const byToken = (asking: Request) => {
  const token = /^Bearer (\w+)$/.exec(asking.headers.get('authorization') ?? '')?.[1];
  return token ? { by: token } : null;
};

export async function bed(options: Partial<ApiOptions> = {}, deployment: Partial<DeployerOptions> = {}): Promise<Bed> {
  const world = memoryWorld();
  for (const tag of ['v1', 'v2', 'v9', 'v10']) world.engine.push(`${IMAGE}:${tag}`, { body: tag });
  world.engine.push('registry.test/blog:v1', { body: 'blog' });
  const { engine: _engine, ...ports } = world;
  const deployer = await unwrap(
    createDeployer({
      ...ports,
      settings: { domain: 'apps.test' },
      projects: PROJECTS,
      ...deployment,
    } as DeployerOptions),
  );
  const handler = unwrap(
    apiHandler({
      deployer,
      authorize: byToken,
      projects: PROJECTS,
      registry: world.registry,
      clock: world.clock,
      ...options,
    }),
  );
  const call: Bed['call'] = (method, path, body, headers) => handler.fetch(request(method, path, body, headers));
  return {
    world,
    deployer,
    handler,
    call,
    async deployed(tag, more = {}) {
      const handle = await unwrap(deployer.submit({ project: 'shop', stage: 'dev', tag, ...more }));
      await world.clock.until(handle.result);
      return handle.id;
    },
    passes: (ms) => world.clock.advance(ms),
    async close() {
      await handler.close();
      await world.clock.until(deployer.close());
    },
  };
}

export const json = async <T = Record<string, unknown>>(response: Response): Promise<T> => (await response.json()) as T;
export const problem = (response: Response): Promise<Problem> => json<Problem>(response);
