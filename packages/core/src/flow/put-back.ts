/** Leading routes back to where the last commit has them: what the undo of a cutover, and of a stop before it, does at the proxy. */
import { ok, okAsync, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { routine } from '../kernel/routine.js';
import type { HeldRoute } from '../ports/proxy-manager.js';
import type { Flow } from './flow.js';
import { holdingOf, isSameHolding } from './holding.js';
import { inspectTarget, isSamePlace, type Place, targetOf } from './target.js';
import { forEachRoute, heldRoute, putRoute, removeRoute, routeTo } from './writes.js';

/** A domain that is led back, and whose it may be by now: what leads to one of these is our own doing. */
interface Back {
  readonly domain: string;
  readonly mark: string;
  readonly ours: readonly (string | null)[];
  /** Where one of them was led, whose address may be another by now; absent: not known. */
  readonly at?: Place | null | undefined;
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
    const led = committed === null ? undefined : yield* routeTo(flow, { domain, mark }, committed, signal);
    const unnamed = committed === null ? [] : (held?.targets.filter(({ instance }) => instance === null) ?? []);
    const known = [record?.value.target, at, led?.targets[0]];
    const strays = unnamed.filter((each) => !known.some((place) => isSamePlace(each, place)));
    const others = ours.filter((id) => id !== committed);
    if (yield* isElsewhere(flow, strays, { domain, mark, ours: others, at }, signal)) return ok(held);
    const neverLeft = committed !== null && serves.length > 0 && serves.every((instance) => instance === committed);
    const stage = yield* flow.host.store.get('stages', flow.ledger.record.stageKey, { signal });
    const holding = record && holdingOf(flow.host.proxy, stage, record.value.owner);
    const back = led && { ...led, ...(holding && { holding }) };
    /** Where we have put it: who watches tells a change by somebody else from a restart by that. */
    const note = (target: Place | null): ResultAsync<void, AnyError> =>
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
      const isThere = held?.targets.some((each) => isSamePlace(each, target));
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
 * Whether one of these, which the proxy cannot name and which are at no place that is known, is where none of `ours` is now. Where that is
 * known of one of them neither by now nor by the journal nobody can tell.
 */
function isElsewhere(
  flow: Flow,
  strays: HeldRoute['targets'],
  { ours, at, ...route }: Back,
  signal: AbortSignal,
): ResultAsync<boolean, AnyError> {
  return routine(async function* () {
    let left = strays;
    for (const id of new Set(ours)) {
      if (id === null || left.length === 0) continue;
      const isNew = id === flow.ledger.record.id;
      const now = isNew
        ? targetOf(flow.spec, id, yield* inspectTarget(flow, signal))
        : (yield* routeTo(flow, route, id, signal))?.targets[0];
      if (!now && !at) return ok(false);
      left = left.filter((each) => !isSamePlace(each, now));
    }
    return ok(left.length > 0);
  });
}
