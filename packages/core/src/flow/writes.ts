/** Writes at the proxy: which leases they need, and what is put. */
import { err, ok, okAsync, type ResultAsync } from 'neverthrow';
import { type AnyError, outcomeUnknown } from '../domain/errors.js';
import type { RouteRecord } from '../domain/records.js';
import { guard, routine } from '../kernel/routine.js';
import type { HeldRoute, ProofRequest, ProxyManager, Route } from '../ports/proxy-manager.js';
import { type Flow, missingPort } from './flow.js';
import { holdingOf, isSameHolding } from './holding.js';
import type { Host } from './host.js';
import { inspectTarget, targetOf } from './target.js';

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

/** A domain that is led back, and whose it may be by now: what leads to one of these is our own doing. */
interface Back {
  readonly domain: string;
  readonly mark: string;
  readonly ours: readonly (string | null)[];
  /** Where one of them was led, whose address may be another by now; absent: not known. */
  readonly at?: RouteRecord['target'] | undefined;
}

/**
 * Leads domains back to where the last commit has them, wherever those instances are now; without one a route goes. Only where the proxy
 * serves nothing, that instance or one of `ours`: anything else is somebody's wish, left and told.
 */
export const putBack = (flow: Flow, routes: readonly Back[], signal: AbortSignal): ResultAsync<void, AnyError> =>
  forEachRoute(flow.host, routes, (route) => putOneBack(flow, route, signal)).map((ended) => {
    // Told last: an undo that is tried again says it once.
    for (const left of ended) {
      if (!left) continue;
      const { domain, targets } = left;
      const serves = targets.map(({ instance, host, port }) => instance ?? `${host}:${port}`).join(', ') || 'nothing';
      flow.log('warn', `The route ${domain} was changed by somebody else and is left as it is.`, { serves });
    }
  });

/** @returns what the proxy holds, where it is left */
function putOneBack(
  flow: Flow,
  { domain, mark, ours, at }: Back,
  signal: AbortSignal,
): ResultAsync<HeldRoute | undefined, AnyError> {
  return routine(async function* () {
    const record = yield* flow.host.store.get('routes', domain, { signal });
    const committed = record?.value.state === 'live' ? record.value.instance : null;
    const held = yield* heldRoute(flow, domain, signal);
    // Of a cutover amid its shares there are two.
    const serves = held?.targets.map(({ instance }) => instance) ?? [];
    const isForeign = held !== undefined && held.mark !== mark;
    const isForeignTo = (instance: string | null) =>
      instance !== null && instance !== committed && !ours.includes(instance);
    if (isForeign || serves.some(isForeignTo)) return ok(held);
    if (record && held && serves.includes(null) && (yield* isElsewhere(flow, record.value, held, { ours, at }, signal)))
      return ok(held);
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
    yield* removeRoute(flow, { domain, mark }, signal);
    yield* note(null);
    if (committed !== null) flow.log('warn', `${committed} does not run: the route ${domain} is gone until it does.`);
    flow.log('info', `Removed the route ${domain}.`);
    return ok(undefined);
  });
}

/**
 * Whether a target that the proxy cannot name is none of ours: it is neither where we have put it, by the record and the journal, nor where
 * one of those is now that it may lead to. Where neither is known of the new one nobody can tell; and a domain that is not live was led by
 * us alone.
 */
function isElsewhere(
  flow: Flow,
  { id: domain, mark, state, instance: committed, target }: RouteRecord,
  held: HeldRoute,
  { ours, at }: Pick<Back, 'ours' | 'at'>,
  signal: AbortSignal,
): ResultAsync<boolean, AnyError> {
  return routine(async function* () {
    if (state !== 'live' || committed === null) return ok(false);
    const isAway = (place: RouteRecord['target'] | undefined) => (each: HeldRoute['targets'][number]) =>
      each.host !== place?.host || each.port !== place.port;
    let strays = held.targets.filter(({ instance }) => instance === null);
    strays = strays.filter(isAway(target)).filter(isAway(at));
    for (const id of new Set([committed, ...ours])) {
      if (id === null || strays.length === 0) continue;
      const isNew = id === flow.ledger.record.id;
      const now = isNew
        ? targetOf(flow.spec, id, yield* inspectTarget(flow, signal))
        : (yield* routeTo(flow, { domain, mark }, id, signal))?.targets[0];
      if (!now && !at && id !== committed) return ok(false);
      strays = strays.filter(isAway(now));
    }
    return ok(strays.length > 0);
  });
}
