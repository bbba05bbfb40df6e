/** Every call that there is, made of the table of routes: a new one is held to the same. */
import type { Deployer } from '@quayside/core';
import { routes } from '../../src/routes/index.js';

export const BODIES: { readonly [path: string]: unknown } = {
  '/plan': { project: 'shop', stage: 'dev', tag: 'v1' },
  '/deployments': { project: 'shop', stage: 'dev', tag: 'v1' },
  '/rollbacks': { project: 'shop', stage: 'dev' },
  '/deployments/{id}/cancel': {},
};
/** Over ids of shop/dev. */
export const calls = routes.map(({ method, path, body, action }) => ({
  method,
  path: `/v1${path.replace('{project}', 'shop').replace('{stage}', 'dev')}`,
  body: body === null ? undefined : BODIES[path],
  action,
  name: `${method} ${path}`,
}));

/** A deployer that says what was asked of it. */
export function watched(deployer: Deployer): { readonly deployer: Deployer; readonly asked: string[] } {
  const asked: string[] = [];
  const wrap = <T extends object>(inner: T, at: string): T =>
    new Proxy(inner, {
      get: (target, name) => {
        const value = Reflect.get(target, name);
        if (typeof value === 'function') {
          return (...args: unknown[]) => {
            asked.push(`${at}${String(name)}`);
            return value.apply(target, args);
          };
        }
        return typeof value === 'object' && value !== null ? wrap(value, `${at}${String(name)}.`) : value;
      },
    });
  return { deployer: wrap(deployer, ''), asked };
}
