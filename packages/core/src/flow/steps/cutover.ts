/**
 * The cutover: intent(previous, next) → moved → proved. The commit that makes it final is the deployment's terminal one
 * (`flow/succeed.ts`); without that commit every route goes back to where its intent says it was.
 */
import { err, ok, okAsync, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../../domain/errors.js';
import type { Json } from '../../domain/json.js';
import { routine } from '../../kernel/routine.js';
import type { ProofRequest, Route, Target } from '../../ports/proxy-manager.js';
import { aliveAt } from '../alive.js';
import { drainCounted } from '../drain.js';
import { type Flow, waitOut } from '../flow.js';
import { isWhereAnswered } from '../health-check.js';
import { maintenanceHolding } from '../holding.js';
import { calls, writes } from '../limits.js';
import { putBack } from '../put-back.js';
import { holdShares, type Move, sharesLimitMs } from '../shares.js';
import { readStage } from '../stage-state.js';
import type { Step } from '../step.js';
import { inspectTarget, isSamePlace, type Place, recentTarget, targetOf } from '../target.js';
import { forEachRoute, PROOF_MARGIN_MS, proveRoute, proxyOf, putRoute, writeLeases } from '../writes.js';

interface CutoverIntent {
  readonly next: string;
  /** Where that is, as far as it is known before the routes are led there; absent: not known, or written by an older version. */
  readonly at?: Place | undefined;
  readonly moves: readonly Move[];
}

export const cutoverStep: Step = {
  name: 'cutover',
  version: 1,
  keepsLeases: true,
  limit: (flow) => {
    const ownMs = flow.spec.limits.proveMs + PROOF_MARGIN_MS + sharesLimitMs(flow);
    return calls(flow, 2 + writes(flow, flow.spec.routes.length), ownMs);
  },
  intent: (flow) =>
    routine(async function* () {
      const moves: Move[] = [];
      for (const { domain, mark } of flow.spec.routes) {
        const record = yield* flow.host.store.get('routes', domain, { signal: flow.ledger.lease.lost });
        const previous = record?.value.state === 'live' ? record.value.instance : null;
        moves.push({ domain, mark, previous });
      }
      const next = flow.target.owner.deployment;
      const at = targetOf(flow.spec, next, flow.seen.target?.container);
      const place = at && { at: { host: at.host, port: at.port } };
      return ok<Json, AnyError>({ next, ...place, moves: moves as never });
    }),
  leases: (flow, intent) => {
    const domains = (intent as unknown as CutoverIntent).moves.map(({ domain }) => domain);
    return writeLeases(flow.host, flow.ledger.record.identities?.proxy ?? null, domains);
  },
  ahead(flow, intent, signal) {
    const { target } = flow.seen;
    const { moves, next } = intent as unknown as CutoverIntent;
    if (moves.length > 0) flow.seen.confirming = inspectTarget(flow, signal);
    const at = targetOf(flow.spec, next, target?.container);
    const there = at ? routesOf(flow, moves, at).filter(isThere(flow, at)) : [];
    if (there.length > 0) flow.seen.proving = prove(flow, there, signal);
  },
  run(flow, intent, signal) {
    const { moves, next } = intent as unknown as CutoverIntent;
    if (moves.length === 0) return okAsync(undefined);
    return routine(async function* () {
      const isHeld = Boolean(flow.seen.maintenance && flow.host.proxy?.capabilities.holding);
      const confirmed = yield* flow.seen.confirming ?? inspectTarget(flow, signal);
      yield* aliveAt(flow, next, confirmed, signal);
      // Whoever has got its address meanwhile may have answered in its place.
      if (!isWhereAnswered(flow, confirmed)) return err(hasMoved(flow, 'its health check was answered at'));
      // Shares are of visitors, and there are none.
      if (!isHeld) yield* holdShares(flow, moves, next, signal);
      const target = yield* aliveAt(flow, next, yield* recentTarget(flow, signal), signal);
      const routes = routesOf(flow, moves, target);
      const there = routes.filter(isThere(flow, target));
      const moved = routes.filter((route) => !there.includes(route));
      flow.seen.stage = readStage(flow.host, flow.ledger.record.stageKey, flow.ledger.lease.lost);
      flow.host.traffic.moves();
      // Nobody need wait for the others before those are proved that are there; what was begun is waited for.
      const put = forEachRoute(flow.host, moved, (route) => putRoute(flow, route, signal));
      const [proved, others, container] = await Promise.all([
        (there.length > 0 && flow.seen.proving) || prove(flow, there, signal),
        put.andThen(() => prove(flow, moved, signal)),
        put.andThen(() => inspectTarget(flow, signal)),
      ]);
      // Before the proof: of one that has ended by now, why it has says more, and another may answer at its address.
      const now = yield* aliveAt(flow, next, yield* container, signal);
      yield* others;
      yield* proved;
      if (!isSamePlace(now, target)) return err(hasMoved(flow, 'its routes were led to'));
      if (isHeld) flow.log('info', 'The stage is in maintenance: visitors are told so until that is lifted.');
      flow.seen.put = { host: target.host, port: target.port };
      flow.log('info', `Proved ${routes.map(({ domain }) => domain).join(', ')} through the front door.`);
      return ok(undefined);
    });
  },
  undo(flow, intent, signal, wasOpen) {
    const { at, moves, next } = intent as unknown as CutoverIntent;
    return routine(async function* () {
      // A put that nobody waited for may still arrive: only then is what the proxy holds the last word.
      if (wasOpen) yield* waitOut(flow, signal);
      yield* putBack(flow, backOf(moves, next, at), signal);
      // What it has accepted it finishes: it is about to be removed. Whether that can be counted holds up nothing.
      const isNew = next === flow.ledger.record.id;
      const mostMs = Math.min(flow.spec.drainTimeoutMs, flow.host.settings.undoTimeoutMs / 2);
      if (isNew) await drainCounted(flow.host, next, mostMs, signal);
      return ok(undefined);
    });
  },
};

const backOf = (moves: readonly Move[], next: string, at: CutoverIntent['at']) =>
  moves.map(({ previous, ...route }) => ({ ...route, ours: [next, previous], at }));

const routesOf = (flow: Flow, moves: readonly Move[], target: Target): Route[] =>
  moves.map(({ domain, mark }) => {
    // Of a move that the spec does not have nothing is known; the cutover makes them from it.
    const owner = flow.spec.routes.find((route) => route.domain === domain)?.owner ?? { kind: 'tagged' as const };
    const holding = maintenanceHolding(flow.host.proxy, flow.seen.maintenance, owner);
    return { domain, mark, targets: [target], ...(holding && { holding }), options: flow.spec.options.proxy };
  });

/** What the route step has put there leads to it already, unless it has another address since; the proof looks at all of them. */
const isThere =
  ({ seen: { routed } }: Flow, target: Target) =>
  ({ domain }: Route): boolean =>
    routed?.domains.includes(domain) === true && isSamePlace(routed, target);

const hasMoved = (flow: Flow, where: string) =>
  failure(
    'route-unproved',
    `${flow.target.name} has another address than ${where}.`,
    'See who started it again or changed its networks, then deploy again.',
    { retryable: true },
  );

function prove(flow: Flow, routes: readonly Route[], signal: AbortSignal): ResultAsync<void, AnyError> {
  const request = proofRequest(flow);
  const timeoutMs = flow.spec.limits.proveMs;
  return proxyOf(flow.host).andThen((proxy) =>
    routine(async function* () {
      const proofs = await Promise.all(
        routes.map((route) => proveRoute(flow, proxy, route, request, timeoutMs, signal)),
      );
      const failed = proofs.find((proof) => proof.isErr());
      return failed?.isErr() ? err(failed.error) : ok(undefined);
    }),
  );
}

/** What the health check asks is what the front door has to answer; where that is another port or protocol, the instance is enough. */
function proofRequest(flow: Flow): ProofRequest | null {
  const { health, port } = flow.spec;
  if (health.kind !== 'http' || health.port !== port) return null;
  return { method: health.method, path: health.path, headers: health.headers, expectStatus: health.expectStatus };
}
