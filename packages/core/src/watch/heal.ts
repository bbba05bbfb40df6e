/**
 * Healing: a route that leads to where its instance was before a restart leads there again, and tells visitors what its stage's maintenance has for them. It takes the lease of the domain (or of the
 * proxy) alone, since a deployment may hold its stage's for minutes, and acts only while no cutover of that domain is open.
 */
import { err, ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { hashText } from '../domain/hash.js';
import { canonicalJson } from '../domain/json.js';
import type { InstanceRecord, RouteRecord } from '../domain/records.js';
import type { Spec } from '../domain/spec.js';
import { routeView } from '../domain/views.js';
import { appendEvents, emitEvents, eventEntries } from '../events/drafts.js';
import type { EventDraft } from '../events/types.js';
import { holdingOf, isSameHolding, openHoldTasks } from '../flow/holding.js';
import type { Host } from '../flow/host.js';
import { isMoving } from '../flow/journals.js';
import { isSamePlace, type Place, targetOf } from '../flow/target.js';
import { writeLeases } from '../flow/writes.js';
import type { Lease } from '../kernel/held-lease.js';
import { routine } from '../kernel/routine.js';
import { effectUnder, releaseAll } from '../kernel/under-leases.js';
import type { CallOptions } from '../ports/call.js';
import type { HeldRoute, Holding, ProxyError, ProxyManager } from '../ports/proxy-manager.js';
import type { Stored } from '../ports/store.js';

export interface HealOptions {
  /** What becomes of a route that somebody else has changed or removed. */
  readonly changedRoutes: 'report' | 'put-back';
}

/** `busy`: somebody else is at the domain now, and it is to be looked at again. */
export type Healed = 'fine' | 'healed' | 'changed' | 'busy';

/** Looks at one live route of the instance, and does what is to be done about it. What is seen without a lease is only a reason to look under one. */
export function heal(
  host: Host,
  instance: InstanceRecord,
  spec: Spec,
  domain: string,
  options: HealOptions,
  signal: AbortSignal,
): ResultAsync<Healed, AnyError> {
  const { proxy } = host;
  return routine(async function* () {
    if (!proxy) return ok<Healed, AnyError>('fine');
    if ((yield* look(host, proxy, instance, spec, domain, signal)).plan.do === 'nothing')
      return ok<Healed, AnyError>('fine');
    const keys = writeLeases(host, instance.identities.proxy, [domain]);
    const taken = await host.leases.take(keys, { signal, deployment: null, once: true });
    if (taken.isErr()) return taken.error.kind === 'stage-busy' ? ok<Healed, AnyError>('busy') : err(taken.error);
    const { leases } = taken.value;
    try {
      if (yield* isMoving(host.store, instance.stageKey, domain, signal)) return ok<Healed, AnyError>('busy');
      // Under the lease once more: what was true a moment ago may be another's business by now.
      const seen = yield* look(host, proxy, instance, spec, domain, signal);
      return await act(host, proxy, seen, spec, leases, options, signal);
    } finally {
      await releaseAll(leases);
    }
  });
}

interface Look {
  readonly record: Stored<RouteRecord> | undefined;
  /** What it has to tell visitors, by the stage's record. */
  readonly holding: Holding | undefined;
  readonly held: HeldRoute | undefined;
  readonly plan: Plan;
}

export type Plan =
  | { readonly do: 'nothing' }
  /** The proxy leads to where we have put it, and its instance is elsewhere now. */
  | { readonly do: 'move'; readonly to: Place & { readonly instance: string } }
  /** It leads to the right place, and does not tell visitors what the stage's record has for them. */
  | { readonly do: 'hold'; readonly to: Place & { readonly instance: string } }
  /** Its container is gone: nothing may lead there. */
  | { readonly do: 'take-off' }
  /** Somebody else's doing; `to` is where it would have to lead, null where nothing runs. */
  | { readonly do: 'tell'; readonly to: (Place & { readonly instance: string }) | null };

function look(
  host: Host,
  proxy: ProxyManager,
  { id, container: name, stageKey }: InstanceRecord,
  spec: Spec,
  domain: string,
  signal: AbortSignal,
): ResultAsync<Look, AnyError> {
  return routine(async function* () {
    const instance = yield* host.store.get('instances', id, { signal });
    const record = yield* host.store.get('routes', domain, { signal });
    const isOurs =
      instance?.value.state === 'running' && record?.value.state === 'live' && record.value.instance === id;
    if (!isOurs) return ok<Look, AnyError>({ record, held: undefined, holding: undefined, plan: { do: 'nothing' } });
    const holding = holdingOf(proxy, yield* host.store.get('stages', stageKey, { signal }), record.value.owner);
    const container = yield* host.call(`Inspecting ${name}`, signal, (o) =>
      host.runtime.inspect(name, { ...o, port: spec.port }),
    );
    const isGone = container?.owner?.deployment !== id;
    const to = isGone ? undefined : targetOf(spec, id, container);
    const held = yield* host.call(`Reading the route ${domain}`, signal, (o) => proxy.get(domain, o));
    // What a proxy that cannot hold says of it is not ours to judge.
    const wanted = proxy.capabilities.holding ? holding : held?.holding;
    const plan = planOf(record.value, held, to ?? null, isGone, wanted);
    return ok<Look, AnyError>({ record, held, holding, plan });
  });
}

/** Pure: what is to be done about a live route, by what the proxy holds and where its instance is. */
export function planOf(
  record: Pick<RouteRecord, 'mark' | 'target' | 'instance'>,
  held: HeldRoute | undefined,
  to: (Place & { readonly instance: string }) | null,
  isGone: boolean,
  holding?: Holding,
): Plan {
  if (held && held.mark !== record.mark) return { do: 'tell', to: null };
  const isAt = (place: Place) => held?.targets.some((target) => isSamePlace(target, place)) ?? false;
  const isIts = held?.targets.some(({ instance }) => instance !== null && instance === record.instance) ?? false;
  // The address that we have given it, or its name where the proxy knows names: else a person has changed it.
  const isWhatWePut = isIts || (record.target !== null && isAt(record.target));
  if (isGone) {
    if (!held) return { do: 'nothing' };
    return isWhatWePut ? { do: 'take-off' } : { do: 'tell', to: null };
  }
  // Not running just now: what is wrong with it is told of the instance, and its route waits for it.
  if (!to) return { do: 'nothing' };
  if (held && isAt(to)) return isSameHolding(held.holding, holding) ? { do: 'nothing' } : { do: 'hold', to };
  // Taken off by us, as it did not run when its route was to be led back there.
  if (!held && record.target === null) return { do: 'move', to };
  if (!held) return { do: 'tell', to };
  return isWhatWePut ? { do: 'move', to } : { do: 'tell', to };
}

function act(
  host: Host,
  proxy: ProxyManager,
  { record, held, holding, plan }: Look,
  spec: Spec,
  leases: readonly Lease[],
  { changedRoutes }: HealOptions,
  signal: AbortSignal,
): ResultAsync<Healed, AnyError> {
  const { effectTimeoutMs } = host.settings;
  return routine(async function* () {
    if (!record || plan.do === 'nothing') return ok<Healed, AnyError>('fine');
    const { id: domain, mark } = record.value;
    const isPutBack = plan.do === 'tell' && plan.to !== null && changedRoutes === 'put-back';
    // What visitors are told is the record's to say: it is put again whatever becomes of other changes.
    const putsBack = isPutBack || plan.do === 'hold';
    // One that was broken off is as likely to have left it so as somebody else's hand.
    const isLeft = plan.do === 'hold' && (yield* openHoldTasks(host.store, record.value.stageKey, signal)).length > 0;
    // Told once per change, whatever the number of looks and hosts.
    const change = plan.do === 'tell' ? hashText(canonicalJson((held ?? null) as never)).slice(0, 16) : undefined;
    if (change !== undefined && !putsBack && record.value.changed === change) return ok<Healed, AnyError>('changed');
    const { changed: _before, ...rest } = record.value;
    let next: RouteRecord = change === undefined ? rest : { ...rest, changed: change };
    const events: EventDraft[] = [];
    const effect = <T>(what: string, work: (options: CallOptions) => ResultAsync<T, ProxyError>) =>
      effectUnder(leases, effectTimeoutMs, { signal }, () => host.call(what, signal, work));
    if (plan.do === 'take-off') {
      yield* effect(`Taking the route ${domain} off`, (o) => proxy.remove({ domain, mark }, o));
      next = { ...rest, target: null };
    } else if (plan.do === 'move' || putsBack) {
      const { to } = plan as { to: Place & { readonly instance: string } };
      const route = { domain, mark, targets: [to], ...(holding && { holding }), options: spec.options.proxy };
      yield* effect(`Putting the route ${domain}`, (o) => proxy.put(route, o));
      next = { ...rest, target: { host: to.host, port: to.port } };
    }
    const route = routeView(next);
    if (plan.do === 'move' || isLeft) events.push({ type: 'route.healed', payload: { route } });
    else if (plan.do === 'tell' || plan.do === 'hold')
      events.push({ type: 'route.changed', payload: { route, held: held ?? null, putBack: putsBack } });
    const entries = eventEntries(host, events);
    yield* host.store.commit(
      [{ op: 'put', collection: 'routes', record: next, version: record.version }, ...appendEvents(entries)],
      { signal, fence: leases.map(({ fence }) => fence) },
    );
    emitEvents(host.hub, entries);
    return ok<Healed, AnyError>(plan.do === 'tell' || (plan.do === 'hold' && !isLeft) ? 'changed' : 'healed');
  });
}
