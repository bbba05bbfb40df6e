/**
 * Makes the routes that visitors of a stage come by tell them what they have to: in a change of its maintenance, in taking one back, and in
 * finishing one that was broken off. Whoever calls this holds the leases of those routes.
 */
import { err, ok, okAsync, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../domain/errors.js';
import type { Maintenance, RouteRecord } from '../domain/records.js';
import type { Lease } from '../kernel/held-lease.js';
import { routine } from '../kernel/routine.js';
import { effectUnder } from '../kernel/under-leases.js';
import type { ProxyManager, Route, Target } from '../ports/proxy-manager.js';
import type { Change, Stored } from '../ports/store.js';
import { isSameHolding, maintenanceHolding } from './holding.js';
import type { Host } from './host.js';
import { isSamePlace, targetOf } from './target.js';
import { allAtOnce, forEachRoute, proveRoute } from './writes.js';

export interface HoldTerms {
  readonly leases: readonly Lease[];
  readonly signal: AbortSignal;
}

/** The live routes of a stage that visitors come by. Tagged ones go on: they are for looking at what was deployed. */
export const visitedRoutes = (routes: readonly Stored<RouteRecord>[]): readonly Stored<RouteRecord>[] =>
  routes.filter(({ value }) => value.state === 'live' && value.instance !== null && value.owner.kind !== 'tagged');

/** What was put, and what there is to see of it. */
interface Put {
  readonly route: Route;
  /** Its instance runs where the route leads: it can be proved. Null: it does not, and the proxy's word has to do. */
  readonly proveMs: number | null;
  /** The record, where the route leads to another address than it says. */
  readonly changes: readonly Change[];
}

/**
 * Each route is put where it does not tell that already, and is seen to do so: by the instance alone, since what its app answers is for
 * whoever asked to judge. A route that the proxy does not hold for us is left: what is put there later is as the record has it.
 *
 * @returns what is to be committed of it
 */
export function holdRoutes(
  host: Host,
  routes: readonly Stored<RouteRecord>[],
  maintenance: Maintenance | null,
  terms: HoldTerms,
): ResultAsync<readonly Change[], AnyError> {
  const { proxy } = host;
  return routine(async function* () {
    if (!proxy) return ok<readonly Change[], AnyError>([]);
    const puts = yield* forEachRoute(host, routes, (route) => putHeld(host, proxy, route, maintenance, terms));
    const done = puts.filter((put): put is Put => put !== undefined);
    yield* allAtOnce(done, (put) => see(host, proxy, put, terms.signal));
    return ok<readonly Change[], AnyError>(done.flatMap(({ changes }) => changes));
  });
}

function putHeld(
  host: Host,
  proxy: ProxyManager,
  stored: Stored<RouteRecord>,
  maintenance: Maintenance | null,
  { leases, signal }: HoldTerms,
): ResultAsync<Put | undefined, AnyError> {
  const record = stored.value;
  const { id: domain, mark } = record;
  const { effectTimeoutMs } = host.settings;
  return routine(async function* () {
    // What a holder before had begun may still arrive: what is read before that is soon no longer so.
    for (const lease of leases) yield* lease.mayStart(effectTimeoutMs, { signal });
    const held = yield* host.call(`Reading the route ${domain}`, signal, (o) => proxy.get(domain, o));
    if (held?.mark !== mark) return ok<Put | undefined, AnyError>(undefined);
    const { target, proveMs, isGone } = yield* whereIs(host, record, signal);
    // Nothing may lead there: healing takes it off, and visitors get to no instance either way.
    if (isGone) return ok<Put | undefined, AnyError>(undefined);
    const known = held.targets.map(
      ({ instance, host: at, port }): Target => ({ instance: instance ?? record.instance ?? '', host: at, port }),
    );
    const holding = maintenanceHolding(proxy, maintenance, record.owner);
    const targets = target ? [target] : known;
    const route: Route = { domain, mark, targets, ...(holding && { holding }), options: record.options };
    if (!isSameHolding(held.holding, holding)) {
      yield* effectUnder(leases, effectTimeoutMs, { signal }, () =>
        host.call(`Putting the route ${domain}`, signal, (o) => proxy.put(route, o)),
      );
    } else if (target && !known.some((each) => isSamePlace(each, target))) {
      // It has moved, and nothing was put: healing leads it there.
      return ok({ route, proveMs: null, changes: [] });
    }
    const hasMoved = target && !isSamePlace(target, record.target);
    const next = target && { ...record, target: { host: target.host, port: target.port } };
    const changes: Change[] =
      hasMoved && next ? [{ op: 'put', collection: 'routes', record: next, version: stored.version }] : [];
    return ok({ route, proveMs: target ? proveMs : null, changes });
  });
}

/** Where its instance runs now, as far as it is this host's to say. */
function whereIs(host: Host, { instance: id }: RouteRecord, signal: AbortSignal) {
  return routine(async function* () {
    const nowhere: { readonly target?: Target; readonly proveMs: number; readonly isGone: boolean } = {
      proveMs: 0,
      isGone: false,
    };
    if (id === null) return ok(nowhere);
    const instance = yield* host.store.get('instances', id, { signal });
    const stored = yield* host.store.get('specs', id, { signal });
    const { identities } = yield* host.surroundings({ signal });
    // Not in my engine is never gone: what the proxy holds is as good as it gets.
    if (!instance || !stored || instance.value.identities.runtime !== identities.runtime) return ok(nowhere);
    const { spec } = stored.value;
    const { container: name } = instance.value;
    const container = yield* host.call(`Inspecting ${name}`, signal, (o) =>
      host.runtime.inspect(name, { ...o, port: spec.port }),
    );
    const isGone = container?.owner?.deployment !== id;
    const target = isGone ? undefined : targetOf(spec, id, container);
    return ok({ ...(target && { target }), proveMs: spec.limits.proveMs, isGone } as typeof nowhere);
  });
}

function see(
  host: Host,
  proxy: ProxyManager,
  { route, proveMs }: Put,
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  const { domain } = route;
  if (proveMs !== null) return proveRoute(host, proxy, route, null, proveMs, signal);
  return host
    .call(`Reading the route ${domain}`, signal, (options) => proxy.get(domain, options))
    .andThen((held) =>
      isSameHolding(held?.holding, route.holding) ? okAsync(undefined) : err(notTaken(proxy, domain)),
    );
}

const notTaken = ({ name }: ProxyManager, domain: string): AnyError =>
  failure(
    'route-unproved',
    `The proxy ${name} took the route ${domain} and does not have what it has to tell visitors.`,
    "Look at the proxy's own log, then ask again.",
    { retryable: true },
  );
