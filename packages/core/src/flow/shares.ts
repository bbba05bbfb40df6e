/**
 * Shares: before the cutover moves its routes as a whole, the new instance gets a part of the requests, then a larger one, and is looked at
 * as long as it has it. The intent of the cutover covers them: whoever takes that back leads each route to the instance before, alone.
 *
 *   previous 100 ──▶ previous 90, next 10 ──held──▶ … ──held──▶ the cutover as ever
 *                          └──ended, errors, too slow──▶ the cutover has failed
 */
import { type Ok, ok, okAsync, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { Measured } from '../domain/reports.js';
import type { SpecCutover } from '../domain/spec.js';
import { routine } from '../kernel/routine.js';
import { sleep } from '../kernel/scope.js';
import type { ProxyManager, Route, Target } from '../ports/proxy-manager.js';
import { aliveAt } from './alive.js';
import type { Flow } from './flow.js';
import { openJudge } from './judge.js';
import { calls, writes } from './limits.js';
import { inspectTarget, isSamePlace } from './target.js';
import { forEachRoute, putRoute, routeTo } from './writes.js';

/** A route that moves, and the instance that it points to by the last commit. */
export interface Move {
  readonly domain: string;
  readonly mark: string;
  /** Null: it is new. */
  readonly previous: string | null;
}

type SharedMove = Move & { readonly previous: string };

/** Between two looks at an instance whose answers are not counted. */
const LOOK_MS = 5_000;

const windowOf = ({ abortOn }: SpecCutover): number => abortOn?.windowMs ?? LOOK_MS;

/** How long all of it may take, beside the cutover itself. */
export function sharesLimitMs(flow: Flow): number {
  const { cutover, routes } = flow.spec;
  if (!cutover) return 0;
  // Each look inspects both sides, reads the counts once more than is enough, and may have to put the routes again.
  const perLook = 3 + routes.length + writes(flow, routes.length);
  return cutover.steps.reduce((total, { holdMs }) => {
    const looks = Math.ceil(holdMs / windowOf(cutover)) + 1;
    return total + holdMs + calls(flow, looks * perLook).ms;
  }, 0);
}

/** @param next the instance that the routes move to; those that it serves already, and new ones, have no part in it */
export function holdShares(
  flow: Flow,
  moves: readonly Move[],
  next: string,
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  const { cutover } = flow.spec;
  const { clock, hub, proxy } = flow.host;
  const shared = moves.filter((move): move is SharedMove => move.previous !== null && move.previous !== next);
  if (!cutover || !proxy || shared.length === 0) return okAsync(undefined);
  return routine(async function* () {
    if (!proxy.capabilities.weights) {
      flow.log('warn', `The proxy ${proxy.name} cannot weigh its targets: all requests move at once.`);
      return ok<void, AnyError>(undefined);
    }
    const judge = yield* openJudge(flow, proxy, cutover, next, signal);
    for (const [index, { weight, holdMs }] of cutover.steps.entries()) {
      const routesNow = () => weighedRoutes(flow, proxy, shared, next, weight, signal);
      const routes = yield* routesNow();
      if (!routes) return moveAtOnce(flow);
      yield* forEachRoute(flow.host, routes, (route) => putRoute(flow, route, signal));
      flow.log('info', `It gets ${weight} % of the requests, for ${holdMs / 1000} s.`, { weight, holdMs });
      const share = { step: index + 1, steps: cutover.steps.length, weight, until: clock.now() + holdMs };
      const tell = (measured: Measured | null) =>
        hub.emit('deployment.cutover', { deploymentId: flow.ledger.record.id, ...share, measured });
      tell(null);
      const look = () => judge(weight, signal).map(tell);
      if (!(yield* hold(flow, { holdMs, windowMs: windowOf(cutover), routes, routesNow, look }, signal)))
        return moveAtOnce(flow);
    }
    return ok<void, AnyError>(undefined);
  });
}

/** Shares are for two that run. */
function moveAtOnce(flow: Flow): Ok<void, AnyError> {
  flow.log('warn', 'The instance before does not run any more: all requests move at once.');
  return ok(undefined);
}

/** Each route with both targets, at the addresses that they have now; undefined where an instance before does not run. */
function weighedRoutes(
  flow: Flow,
  proxy: ProxyManager,
  moves: readonly SharedMove[],
  next: string,
  weight: number,
  signal: AbortSignal,
): ResultAsync<readonly Route[] | undefined, AnyError> {
  return routine(async function* () {
    const target = yield* aliveAt(flow, next, yield* inspectTarget(flow, signal), signal);
    const sticky = proxy.capabilities.sticky ? { sticky: true } : {};
    // Most often all of them are at one instance, which need not be looked at for each.
    const before = new Map<string, Target>();
    const routes: Route[] = [];
    for (const move of moves) {
      const { domain, mark, previous } = move;
      const old = before.get(previous) ?? (yield* routeTo(flow, move, previous, signal))?.targets[0];
      if (!old) return ok<readonly Route[] | undefined, AnyError>(undefined);
      before.set(previous, old);
      const targets = [
        { ...old, weight: 100 - weight },
        { ...target, weight },
      ];
      routes.push({ domain, mark, targets, ...sticky, options: flow.spec.options.proxy });
    }
    return ok<readonly Route[] | undefined, AnyError>(routes);
  });
}

interface Hold {
  readonly holdMs: number;
  readonly windowMs: number;
  /** As they were put. */
  readonly routes: readonly Route[];
  routesNow(): ResultAsync<readonly Route[] | undefined, AnyError>;
  /** Whether the new instance does well. */
  look(): ResultAsync<void, AnyError>;
}

/**
 * Waits, and looks after each window whether both live where their routes lead, and whether the new one does well; `false`, at once, where an
 * instance before does not run any more. Nobody else can lead a route to another address meanwhile: its lease is held.
 */
function hold(flow: Flow, held: Hold, signal: AbortSignal): ResultAsync<boolean, AnyError> {
  const { clock } = flow.host;
  const endMs = clock.monotonicMs() + held.holdMs;
  let { routes } = held;
  return routine(async function* () {
    for (;;) {
      const leftMs = endMs - clock.monotonicMs();
      if (leftMs <= 0) return ok<boolean, AnyError>(true);
      yield* sleep(clock, Math.min(leftMs, held.windowMs), signal);
      const now = yield* held.routesNow();
      if (!now) return ok<boolean, AnyError>(false);
      const moved = now.filter((route, index) => !leadsAsBefore(route, routes[index]));
      if (moved.length > 0) {
        yield* forEachRoute(flow.host, moved, (route) => putRoute(flow, route, signal));
        flow.log('info', `Led ${moved.map(({ domain }) => domain).join(', ')} to where the instances are now.`);
        routes = now;
      }
      yield* held.look();
    }
  });
}

const leadsAsBefore = ({ targets }: Route, other: Route | undefined): boolean =>
  targets.every((target, index) => isSamePlace(target, other?.targets[index]));
