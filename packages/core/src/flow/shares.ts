/**
 * Shares: before the cutover moves its routes as a whole, the new instance gets a part of the requests, then a larger one, and is looked at
 * as long as it has it. The intent of the cutover covers them: whoever takes that back leads each route to the instance before, alone.
 *
 *   previous 100 ──▶ previous 90, next 10 ──held──▶ … ──held──▶ the cutover as ever
 *                          └──ended, errors, too slow──▶ the cutover has failed
 */
import { err, errAsync, ok, okAsync, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../domain/errors.js';
import type { SpecCutover } from '../domain/spec.js';
import { guard, routine } from '../kernel/routine.js';
import { sleep } from '../kernel/scope.js';
import type { CallOptions } from '../ports/call.js';
import type { ProxyManager, TargetStatistics } from '../ports/proxy-manager.js';
import { aliveAt } from './alive.js';
import type { Flow } from './flow.js';
import { calls, writes } from './limits.js';
import { type Measured, measuredSince, worseThan } from './measured.js';
import { forEachRoute, inspectTarget, putRoute, routeTo } from './writes.js';

/** A route that moves, and the instance that it points to by the last commit. */
interface Move {
  readonly domain: string;
  readonly mark: string;
  readonly previous: string | null;
}

/** Between two looks at an instance whose answers are not counted. */
const LOOK_MS = 5_000;
/** So often in a row the proxy's counts may not be had. */
const MISSES_MAX = 2;

const windowOf = ({ abortOn }: SpecCutover): number => abortOn?.windowMs ?? LOOK_MS;

/** How long all of it may take, beside the cutover itself. */
export function sharesLimitMs(flow: Flow): number {
  const { cutover, routes } = flow.spec;
  if (!cutover) return 0;
  return cutover.steps.reduce((total, { holdMs }) => {
    const looks = Math.ceil(holdMs / windowOf(cutover)) + 1;
    return total + holdMs + calls(flow, 2 + routes.length + writes(flow, routes.length) + 2 * looks).ms;
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
  const { proxy } = flow.host;
  const shared = moves.filter(({ previous }) => previous !== null && previous !== next);
  if (!cutover || !proxy || shared.length === 0) return okAsync(undefined);
  return routine(async function* () {
    if (!proxy.capabilities.weights) {
      flow.log('warn', `The proxy ${proxy.name} cannot weigh its targets: all requests move at once.`);
      return ok<void, AnyError>(undefined);
    }
    const judge = yield* openJudge(flow, proxy, cutover, next, signal);
    for (const { weight, holdMs } of cutover.steps) {
      if (!(yield* split(flow, proxy, shared, next, weight, signal))) {
        flow.log('warn', 'The instance before does not run any more: all requests move at once.');
        return ok<void, AnyError>(undefined);
      }
      flow.log('info', `It gets ${weight} % of the requests, for ${holdMs / 1000} s.`, { weight, holdMs });
      yield* hold(flow, holdMs, windowOf(cutover), () => judge(weight, signal), signal);
    }
    return ok<void, AnyError>(undefined);
  });
}

/** Puts each route with both targets; `false`, and nothing, where an instance before does not run. */
function split(
  flow: Flow,
  proxy: ProxyManager,
  moves: readonly Move[],
  next: string,
  weight: number,
  signal: AbortSignal,
): ResultAsync<boolean, AnyError> {
  return routine(async function* () {
    const target = yield* aliveAt(flow, next, yield* inspectTarget(flow, signal), signal);
    const routes = [];
    for (const move of moves) {
      const before = move.previous === null ? undefined : yield* routeTo(flow, move, move.previous, signal);
      const [old] = before?.targets ?? [];
      if (!old) return ok<boolean, AnyError>(false);
      const { domain, mark } = move;
      const targets = [
        { ...old, weight: 100 - weight },
        { ...target, weight },
      ];
      const sticky = proxy.capabilities.sticky ? { sticky: true } : {};
      routes.push({ domain, mark, targets, ...sticky, options: flow.spec.options.proxy });
    }
    yield* forEachRoute(flow, routes, (route) => putRoute(flow, route, signal));
    return ok<boolean, AnyError>(true);
  });
}

/** Waits, and looks after each window whether it still lives and does well. */
function hold(
  flow: Flow,
  holdMs: number,
  windowMs: number,
  judge: () => ResultAsync<void, AnyError>,
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  const { clock } = flow.host;
  const endMs = clock.monotonicMs() + holdMs;
  return routine(async function* () {
    for (;;) {
      const leftMs = endMs - clock.monotonicMs();
      if (leftMs <= 0) return ok<void, AnyError>(undefined);
      yield* sleep(clock, Math.min(leftMs, windowMs), signal);
      yield* aliveAt(flow, flow.target.owner.deployment, yield* inspectTarget(flow, signal), signal);
      yield* judge();
    }
  });
}

type Judge = (weight: number, signal: AbortSignal) => ResultAsync<void, AnyError>;

/** Judges what the instance has answered since the last verdict, once there is enough of it. */
function openJudge(
  flow: Flow,
  proxy: ProxyManager,
  { abortOn }: SpecCutover,
  next: string,
  signal: AbortSignal,
): ResultAsync<Judge, AnyError> {
  if (!abortOn) return okAsync(() => okAsync(undefined));
  const read = (under: AbortSignal): ResultAsync<TargetStatistics, AnyError> =>
    flow.call(`Reading what ${next} has answered`, under, (options) => countsOf(proxy, next, options));
  return routine(async function* () {
    let since = yield* read(signal);
    let misses = 0;
    const judge: Judge = (weight, under) =>
      guard(async () => {
        const now = await read(under);
        misses = now.isOk() ? 0 : misses + 1;
        if (now.isErr()) return misses < MISSES_MAX && !under.aborted ? ok(undefined) : err(now.error);
        const measured = measuredSince(since, now.value);
        if (measured.requests < abortOn.minRequests) return ok(undefined);
        since = now.value;
        const worse = worseThan(measured, abortOn);
        if (worse !== undefined) return err(worseAt(weight, worse, measured, abortOn));
        flow.log('info', `It does well with ${weight} %: ${described(measured)}.`, { weight, ...measured });
        return ok(undefined);
      });
    return ok<Judge, AnyError>(judge);
  });
}

const described = ({ errors, p99Ms, requests }: Measured): string =>
  `${requests} requests, ${errors} errors${p99Ms === null ? '' : `, 99 % within ${Math.ceil(p99Ms)} ms`}`;

const worseAt = (
  weight: number,
  worse: string,
  measured: Measured,
  limits: NonNullable<SpecCutover['abortOn']>,
): AnyError =>
  failure(
    'cutover-aborted',
    `With ${weight} % of the requests ${worse}.`,
    'Look at its log, and at what else was slow or down at that time; then deploy again.',
    { details: { weight, ...measured, limits } },
  );

function countsOf(
  proxy: ProxyManager,
  instance: string,
  options: CallOptions,
): ResultAsync<TargetStatistics, AnyError> {
  const counts: ResultAsync<TargetStatistics, AnyError> | undefined = proxy.statistics?.(instance, options);
  return (
    counts ??
    errAsync(
      failure(
        'unsupported',
        `The proxy ${proxy.name} does not count what an instance answers.`,
        'Take `abortOn` out of the stage, or use a proxy that counts.',
      ),
    )
  );
}
