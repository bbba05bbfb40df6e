/** Writes at the proxy: which leases they need, and what is put. */
import { err, ok, okAsync, type ResultAsync } from 'neverthrow';
import { endpointOf } from '../domain/endpoints.js';
import { type AnyError, outcomeUnknown } from '../domain/errors.js';
import type { RouteRecord } from '../domain/records.js';
import type { Spec } from '../domain/spec.js';
import { guard, routine } from '../kernel/routine.js';
import type { Container } from '../ports/container-runtime.js';
import type { HeldRoute, ProxyManager, Route } from '../ports/proxy-manager.js';
import { type Flow, missingPort } from './flow.js';
import { holdingOf, isSameHolding } from './holding.js';
import type { Host } from './host.js';

/** One lease per domain, or the whole proxy's where two writes at once would hurt. Sorted: everybody locks in one order. */
export function writeLeases(host: Pick<Host, 'proxy'>, identity: string | null, domains: readonly string[]): string[] {
  if (domains.length === 0 || !host.proxy) return [];
  if (host.proxy.writes === 'serial') return [`proxy:${identity ?? host.proxy.name}`];
  return domains.map((domain) => `domain:${domain}`).sort();
}

export const proxyOf = (host: Pick<Host, 'proxy'>): ResultAsync<ProxyManager, AnyError> =>
  host.proxy ? okAsync(host.proxy) : missingPort('proxy');

/** Where the proxy reaches this instance now, as the runtime says at this moment. */
export function targetOf(
  spec: Pick<Spec, 'reach'>,
  instance: string,
  container: Container | undefined,
): { readonly instance: string; readonly host: string; readonly port: number } | undefined {
  const chosen = spec.reach.proxy;
  const endpoint = chosen && container?.state === 'running' ? endpointOf(container.endpoints, chosen) : undefined;
  return endpoint && { instance, host: endpoint.host, port: endpoint.port };
}

/** What was seen so recently need not be asked again, in milliseconds: the call itself takes a few. */
const FRESH_MS = 50;

/** The target as it was seen a moment ago, while it ran, or as it is now. */
export function recentTarget(flow: Flow, signal: AbortSignal): ResultAsync<Container | undefined, AnyError> {
  const { target } = flow.seen;
  const isFresh = target !== undefined && flow.host.clock.monotonicMs() - target.atMs < FRESH_MS;
  return isFresh && target.container.endpoints.length > 0 ? okAsync(target.container) : inspectTarget(flow, signal);
}

/** The target as it is now. */
export const inspectTarget = (flow: Flow, signal: AbortSignal): ResultAsync<Container | undefined, AnyError> =>
  flow
    .call('Inspecting the container', signal, (options) =>
      flow.host.runtime.inspect(flow.target.name, { ...options, port: flow.spec.port }),
    )
    .map((container) => {
      if (container) flow.seen.target = { container, atMs: flow.host.clock.monotonicMs() };
      return container;
    });

/** How long a start has to run for the look beside it to save anything, in milliseconds. */
const LOOK_BESIDE_MS = 20;

/**
 * Asks what the target is while it is being started: an engine that starts it answers when that is through, with a question's way saved. One
 * that answers before that has said nothing.
 * @returns what ends it where the start is through without it
 */
export function lookBesideStart(flow: Flow, signal: AbortSignal): () => void {
  delete flow.seen.started;
  // Where it is reached is settled only when the last of its networks is.
  if (flow.spec.container.networks.length > 1) return () => {};
  return flow.host.clock.after(LOOK_BESIDE_MS, () => {
    flow.seen.started = inspectTarget(flow, signal).map((container) =>
      container?.state === 'running' && container.endpoints.length > 0 ? container : undefined,
    );
  });
}

/** The target right after its start. */
export function startedTarget(flow: Flow, signal: AbortSignal): ResultAsync<Container | undefined, AnyError> {
  const { started } = flow.seen;
  delete flow.seen.started;
  return guard(async () => {
    const seen = await started;
    return seen?.isOk() && seen.value ? ok(seen.value) : inspectTarget(flow, signal);
  });
}

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

/** Does the work for each, at once where the proxy bears it, and answers the first error after all have ended. */
export function forEachRoute<T>(
  flow: Flow,
  routes: readonly T[],
  work: (route: T) => ResultAsync<void, AnyError>,
): ResultAsync<void, AnyError> {
  return routine(async function* () {
    if (flow.host.proxy?.writes === 'serial') {
      for (const route of routes) yield* work(route);
      return ok(undefined);
    }
    const ended = await Promise.all(routes.map((route) => work(route)));
    const errors = ended.flatMap((each) => (each.isErr() ? [each.error] : []));
    const [first] = errors;
    if (!first) return ok(undefined);
    // Of several the first is told; that any of them may still happen is what the undo has to know.
    return err(errors.some(outcomeUnknown) ? { ...first, outcome: 'unknown' as const } : first);
  });
}

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

/**
 * Leads one domain back to where the last commit has it, wherever that instance is now; without one the route goes. Only where the proxy
 * serves nothing, that instance or one of `ours`: anything else is somebody's wish, left and told.
 */
export function putBack(
  flow: Flow,
  { domain, mark }: { readonly domain: string; readonly mark: string },
  ours: readonly (string | null)[],
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  return routine(async function* () {
    const record = yield* flow.host.store.get('routes', domain, { signal });
    const committed = record?.value.state === 'live' ? record.value.instance : null;
    const held = yield* heldRoute(flow, domain, signal);
    // Of a cutover amid its shares there are two.
    const serves = held?.targets.map(({ instance }) => instance) ?? [];
    const isForeign = held !== undefined && held.mark !== mark;
    const isForeignTo = (instance: string | null) =>
      instance !== null && instance !== committed && !ours.includes(instance);
    if (isForeign || serves.some(isForeignTo)) {
      flow.log('warn', `The route ${domain} was changed by somebody else and is left as it is.`, {
        serves: serves.map((instance) => instance ?? 'unknown').join(', '),
      });
      return ok(undefined);
    }
    const neverLeft = committed !== null && serves.length > 0 && serves.every((instance) => instance === committed);
    const led = committed === null ? undefined : yield* routeTo(flow, { domain, mark }, committed, signal);
    const stage = yield* flow.host.store.get('stages', flow.ledger.record.stageKey, { signal });
    const holding = record && holdingOf(flow.host.proxy, stage, record.value.owner);
    const back = led && { ...led, ...(holding && { holding }) };
    /** Where we have put it: who watches tells a change by somebody else from a restart by that. */
    const note = (target: RouteRecord['target']): ResultAsync<void, AnyError> =>
      record?.value.state === 'live'
        ? flow.ledger.commit({
            changes: [
              { op: 'put', collection: 'routes', record: { ...record.value, target }, version: record.version },
            ],
          })
        : okAsync(undefined);
    const [target] = back?.targets ?? [];
    if (back && target) {
      const { host, port } = target;
      const isThere = held?.targets.some((each) => each.host === host && each.port === port);
      if (isThere && neverLeft && isSameHolding(held?.holding, holding)) return ok(undefined);
      yield* putRoute(flow, back, signal);
      yield* note({ host, port });
      flow.log('info', `The route ${domain} is back at ${committed}.`);
      return ok(undefined);
    }
    // Nothing is to be where nothing is; and what never left is not taken away because its instance is down.
    if (!held || neverLeft) return ok(undefined);
    if (committed !== null)
      flow.log('warn', `${committed} does not run: the route ${domain} goes until it does again.`);
    yield* removeRoute(flow, { domain, mark }, signal);
    yield* note(null);
    flow.log('info', `Removed the route ${domain}.`);
    return ok(undefined);
  });
}
