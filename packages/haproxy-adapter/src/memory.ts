/**
 * What HAProxy loses when it starts anew: its routes, kept in the deployer's store, from which any process that shares the store can
 * put them again. A record is written after the route is served, and taken away before it is: what the store has is to be served.
 */
import {
  allOf,
  type Json,
  type ProxyError,
  type ProxyRouteRecord,
  type Route,
  type Store,
  type Target,
} from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { throughStore } from './errors.js';

/** Of one look into the store. */
const PAGE = 500;

export interface RouteMemory {
  keep(route: Route, signal: AbortSignal): Promise<Result<void, ProxyError>>;
  forget(domain: string, mark: string, signal: AbortSignal): Promise<Result<void, ProxyError>>;
  get(domain: string, signal: AbortSignal): Promise<Result<Route | undefined, ProxyError>>;
  all(signal: AbortSignal): Promise<Result<readonly Route[], ProxyError>>;
}

export function routeMemory(store: Store, proxy: string): RouteMemory {
  const idOf = (domain: string) => `${proxy}/${domain}`;
  const through = <T>(what: string, result: Result<T, Parameters<typeof throughStore>[0]>): Result<T, ProxyError> =>
    result.mapErr((error) => throughStore(error, what));
  return {
    async keep({ domain, mark, targets, sticky, holding, options }, signal) {
      const record: ProxyRouteRecord = {
        id: idOf(domain),
        proxy,
        domain,
        mark,
        revision: 0,
        targets: targets as unknown as Json,
        ...(sticky ? { sticky: true } : {}),
        ...(holding ? { holding: { message: holding.message, retryAfterMs: holding.retryAfterMs } } : {}),
        options,
      };
      const kept = await store.commit([{ op: 'put', collection: 'proxyRoutes', record }], { signal });
      return through(`Keeping the route ${domain}`, kept).map(() => undefined);
    },
    async forget(domain, mark, signal) {
      const what = `Forgetting the route ${domain}`;
      const held = await store.get('proxyRoutes', idOf(domain), { signal });
      if (held.isErr()) return through(what, err(held.error));
      if (held.value?.value.mark !== mark) return ok();
      const gone = await store.commit([{ op: 'remove', collection: 'proxyRoutes', id: idOf(domain) }], { signal });
      return through(what, gone).map(() => undefined);
    },
    async get(domain, signal) {
      const held = await store.get('proxyRoutes', idOf(domain), { signal });
      return through(`Reading the route ${domain}`, held).map((found) => found && routeOf(found.value));
    },
    async all(signal) {
      const held = await allOf(store, 'proxyRoutes', { where: { proxy }, limit: PAGE }, { signal });
      return through('Listing the routes', held).map((all) => all.map(({ value }) => routeOf(value)));
    },
  };
}

const routeOf = ({ domain, mark, targets, sticky, holding, options }: ProxyRouteRecord): Route => ({
  domain,
  mark,
  targets: targets as unknown as readonly Target[],
  ...(sticky ? { sticky } : {}),
  ...(holding ? { holding } : {}),
  options,
});
