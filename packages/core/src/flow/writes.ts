/** Writes at the proxy: which leases they need, and what is put. */
import { err, ok, okAsync, type ResultAsync } from 'neverthrow';
import { type AnyError, outcomeUnknown } from '../domain/errors.js';
import { guard, routine } from '../kernel/routine.js';
import type { HeldRoute, ProofRequest, ProxyManager, Route } from '../ports/proxy-manager.js';
import { type Flow, missingPort } from './flow.js';
import type { Host } from './host.js';
import { targetOf } from './target.js';

/** One lease per domain, or the whole proxy's where two writes at once would hurt. Sorted: everybody locks in one order. */
export function writeLeases(host: Pick<Host, 'proxy'>, identity: string | null, domains: readonly string[]): string[] {
  if (domains.length === 0 || !host.proxy) return [];
  if (host.proxy.writes === 'serial') return [`proxy:${identity ?? host.proxy.name}`];
  return domains.map((domain) => `domain:${domain}`).sort();
}

export const proxyOf = (host: Pick<Host, 'proxy'>): ResultAsync<ProxyManager, AnyError> =>
  host.proxy ? okAsync(host.proxy) : missingPort('proxy');

/** Puts one route at the proxy: an effect, under the leases that cover it. */
export const putRoute = (flow: Flow, route: Route, signal: AbortSignal): ResultAsync<void, AnyError> =>
  proxyOf(flow.host).andThen((proxy) =>
    flow.effect(`Putting the route ${route.domain}`, signal, (options) => proxy.put(route, options)),
  );

export const heldRoute = (
  flow: Flow,
  domain: string,
  signal: AbortSignal,
): ResultAsync<HeldRoute | undefined, AnyError> =>
  proxyOf(flow.host).andThen((proxy) =>
    flow.call(`Reading the route ${domain}`, signal, (options) => proxy.get(domain, options)),
  );

export const removeRoute = (
  flow: Flow,
  route: { readonly domain: string; readonly mark: string },
  signal: AbortSignal,
): ResultAsync<'removed' | 'absent' | 'foreign', AnyError> =>
  proxyOf(flow.host).andThen((proxy) =>
    flow.effect(`Removing the route ${route.domain}`, signal, (options) => proxy.remove(route, options)),
  );

/** Writes each, at once where the proxy bears it, and answers the first error after all have ended. */
export function forEachRoute<T, R>(
  { proxy }: Pick<Host, 'proxy'>,
  routes: readonly T[],
  write: (route: T) => ResultAsync<R, AnyError>,
): ResultAsync<readonly R[], AnyError> {
  if (proxy?.writes !== 'serial') return allAtOnce(routes, write);
  return routine(async function* () {
    const written: R[] = [];
    for (const route of routes) written.push(yield* write(route));
    return ok<readonly R[], AnyError>(written);
  });
}

/** Of several errors the first, after all have ended; that any of them may still happen is what taking it back has to know. */
export function allAtOnce<T, R>(
  items: readonly T[],
  work: (item: T) => ResultAsync<R, AnyError>,
): ResultAsync<readonly R[], AnyError> {
  return guard(async () => {
    const ended = await Promise.all(items.map((item) => work(item)));
    const errors = ended.flatMap((each) => (each.isErr() ? [each.error] : []));
    const [first] = errors;
    if (first) return err(errors.some(outcomeUnknown) ? { ...first, outcome: 'unknown' as const } : first);
    return ok(ended.flatMap((each) => (each.isOk() ? [each.value] : [])));
  });
}

/** The proxy keeps the proof's limit itself; ours is for one that does not. */
export const PROOF_MARGIN_MS = 1_000;

/** @param request null: the instance alone is looked for */
export const proveRoute = (
  { call }: Pick<Host, 'call'>,
  proxy: ProxyManager,
  route: Route,
  request: ProofRequest | null,
  timeoutMs: number,
  signal: AbortSignal,
): ResultAsync<void, AnyError> =>
  call(`Proving ${route.domain}`, signal, (options) => proxy.prove(route, request, { ...options, timeoutMs }), {
    ms: timeoutMs + PROOF_MARGIN_MS,
    setting: 'proveTimeout',
  });

/** The route as it leads to an instance at the address that it has now; undefined where that does not run. */
export function routeTo(
  flow: Flow,
  { domain, mark }: { readonly domain: string; readonly mark: string },
  id: string,
  signal: AbortSignal,
): ResultAsync<Route | undefined, AnyError> {
  const { runtime, store } = flow.host;
  return routine(async function* () {
    const instance = yield* store.get('instances', id, { signal });
    const stored = yield* store.get('specs', id, { signal });
    if (!instance || !stored) return ok<Route | undefined, AnyError>(undefined);
    const { spec } = stored.value;
    const container = yield* flow.call(`Inspecting ${instance.value.container}`, signal, (options) =>
      runtime.inspect(instance.value.container, { ...options, port: spec.port }),
    );
    const target = targetOf(spec, id, container);
    return ok(target && { domain, mark, targets: [target], options: spec.options.proxy });
  });
}
