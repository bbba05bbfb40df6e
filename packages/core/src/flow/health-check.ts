/**
 * The health check: looks often while the container starts, so that a quick one is seen at once, and counts its failures only from
 * the first interval (or the start period) on. A container that ends fails the check at once, whatever is left to count.
 *
 *   0 ──uncounted polls, every 5 to 50 ms──▶ interval, or startPeriod ──counted attempts, one per interval──▶ retries used up
 *                                                                       (uncounted polls between them)
 */
import { err, ok, okAsync, type Result, type ResultAsync } from 'neverthrow';
import { endpointOf } from '../domain/endpoints.js';
import { type AnyError, aborted } from '../domain/errors.js';
import type { Attempt, HealthReason, HttpCheck, ImageCheck, TcpCheck } from '../domain/health.js';
import { checkMs, judgeHttp } from '../domain/health.js';
import { untilAborted } from '../kernel/on-abort.js';
import { guard, routine } from '../kernel/routine.js';
import { scope, sleep, tenthOf } from '../kernel/scope.js';
import type { Container } from '../ports/container-runtime.js';
import type { ProbeReason } from '../ports/health-probe.js';
import { endOf, type Observed, unhealthy } from './evidence.js';
import type { Flow } from './flow.js';
import { inspectTarget, isSamePlace, type Place, recentTarget } from './target.js';

/** The first polls follow each other closely, later ones at most this far apart, in milliseconds. */
const POLL_MIN_MS = 5;
const POLL_MAX_MS = 50;
/** Of an uncounted poll: one that hangs must not hide a container that has become ready meanwhile. */
const POLL_TIMEOUT_MS = 1_000;
/** Between counted attempts an interval is looked into this often, at most once a second. */
const POLLS_PER_INTERVAL = 20;

type Seen =
  | { readonly good: true }
  | { readonly good: false; readonly reason: HealthReason; readonly attempt?: Attempt };

/** Ends when the target is healthy; its error is `unhealthy`, with all that was seen. */
export function checkHealth(flow: Flow, signal: AbortSignal): ResultAsync<void, AnyError> {
  const { health } = flow.spec;
  switch (health.kind) {
    case 'running':
      return lives(flow, signal, (container, waitedMs) => container.state === 'running' && waitedMs >= health.settleMs);
    case 'ends':
      return lives(flow, signal, (container) => container.state === 'exited' && container.exitCode === 0);
    case 'image':
      return image(flow, health, signal);
    default:
      return asks(flow, health, signal);
  }
}

/** For what is watched only: until `done`, or its end. */
function lives(
  flow: Flow,
  signal: AbortSignal,
  done: (container: Container, waitedMs: number) => boolean,
): ResultAsync<void, AnyError> {
  const { clock } = flow.host;
  const startMs = clock.monotonicMs();
  return routine(async function* () {
    for (let polls = 1; ; polls += 1) {
      const container = yield* inspectTarget(flow, signal);
      const waitedMs = clock.monotonicMs() - startMs;
      if (container && endOf(container, flow.seen.restarts ?? 0) !== 'crash-loop' && done(container, waitedMs))
        return ok(undefined);
      const end = endOf(container, flow.seen.restarts ?? 0);
      if (end) {
        const observed: Observed = { attempts: 0, polls, waitedMs, container };
        return err(await unhealthy(flow, flow.spec.health, end, observed, signal));
      }
      yield* sleep(clock, pollGap(waitedMs) * 2, signal);
    }
  });
}

/** The engine runs the check; here its verdict is awaited. */
function image(flow: Flow, check: ImageCheck, signal: AbortSignal): ResultAsync<void, AnyError> {
  const { clock } = flow.host;
  const startMs = clock.monotonicMs();
  const limitMs = checkMs(check) ?? 0;
  return routine(async function* () {
    for (let polls = 1; ; polls += 1) {
      const container = yield* inspectTarget(flow, signal);
      const waitedMs = clock.monotonicMs() - startMs;
      const status = container?.health?.status;
      const end = endOf(container, flow.seen.restarts ?? 0);
      if (!end && status === 'healthy') return ok(undefined);
      let reason: HealthReason | undefined = end;
      if (!reason && container?.health === null) reason = 'no-healthcheck';
      if (!reason && status === 'unhealthy') reason = 'unhealthy';
      if (!reason && waitedMs > limitMs) reason = 'timeout';
      if (reason) {
        const observed: Observed = { attempts: 0, polls, waitedMs, container };
        return err(await unhealthy(flow, check, reason, observed, signal));
      }
      yield* sleep(clock, pollGap(waitedMs), signal);
    }
  });
}

const pollGap = (elapsedMs: number): number => tenthOf(elapsedMs, POLL_MIN_MS, POLL_MAX_MS);

/** Asks over the network, by HTTP or with a bare connection. */
function asks(flow: Flow, check: HttpCheck | TcpCheck, signal: AbortSignal): ResultAsync<void, AnyError> {
  const { clock } = flow.host;
  const startMs = clock.monotonicMs();
  const countsFromMs = Math.max(check.intervalMs, check.startPeriodMs);
  const restartsBefore = flow.seen.restarts ?? 0;
  let begun = flow.seen.looking?.look as ResultAsync<Look, AnyError> | undefined;
  return routine(async function* () {
    let nextCountedMs = countsFromMs;
    let streak = 0;
    let failures = 0;
    let polls = 0;
    let last: Attempt | undefined;
    let url: string | undefined;
    let container = begun ? undefined : yield* recentTarget(flow, signal);
    for (;;) {
      const atMs = clock.monotonicMs() - startMs;
      const isCounted = atMs >= nextCountedMs;
      const timeoutMs = isCounted ? check.timeoutMs : pollTimeoutMs(check);
      const looking = begun ?? look(flow, check, container, { atMs, timeoutMs }, signal);
      begun = undefined;
      const brokenOff = (): Result<Look, AnyError> => err(aborted('The health check', signal.reason));
      const looked = yield* await untilAborted(looking, signal, brokenOff);
      const { address, seen, wasOther } = looked;
      container = looked.container;
      url = address && urlOf(check, address);
      if (isCounted) nextCountedMs = atMs + check.intervalMs;
      else polls += 1;
      if (seen.good) {
        streak = wasOther ? 0 : streak + 1;
        if (streak >= check.successThreshold) {
          if (address) flow.seen.answered = address;
          return ok(undefined);
        }
      } else {
        streak = 0;
        last = seen.attempt ?? last;
        if (isCounted) failures += 1;
        // Only a failure is a reason to look at the engine: a quick start pays for no inspection.
        container = yield* inspectTarget(flow, signal);
        const end = endOf(container, restartsBefore);
        if (end || failures > check.retries) {
          const waitedMs = clock.monotonicMs() - startMs;
          const observed: Observed = { url, attempts: failures, polls, waitedMs, last, container };
          return err(await unhealthy(flow, check, end ?? seen.reason, observed, signal));
        }
        if (isCounted)
          flow.log('warn', `Attempt ${failures} of ${check.retries + 1}: ${said(seen)}.`, { url: url ?? null });
      }
      const passedMs = clock.monotonicMs() - startMs;
      const gapMs =
        streak > 0
          ? check.intervalMs
          : passedMs < countsFromMs
            ? pollGap(passedMs)
            : Math.min(1_000, Math.max(POLL_MAX_MS, check.intervalMs / POLLS_PER_INTERVAL));
      const untilCountedMs = Math.max(1, nextCountedMs - passedMs);
      yield* sleep(clock, streak > 0 ? gapMs : Math.min(gapMs, untilCountedMs), signal);
    }
  });
}

/** One look at the target, and what was found. */
interface Look {
  readonly address: Place | undefined;
  readonly seen: Seen;
  /** After it. */
  readonly container: Container | undefined;
  /** The address was not the target's any more when it had answered well: whoever has it now was asked. */
  readonly wasOther: boolean;
}

function look(
  flow: Flow,
  check: HttpCheck | TcpCheck,
  before: Container | undefined,
  { atMs, timeoutMs }: { readonly atMs: number; readonly timeoutMs: number },
  signal: AbortSignal,
): ResultAsync<Look, AnyError> {
  const address = addressOf(flow, check, before);
  return routine(async function* () {
    const seen: Seen = address
      ? yield* attempt(flow, check, { ...address, atMs, timeoutMs }, signal)
      : { good: false, reason: 'refused', attempt: { atMs: Math.round(atMs), error: 'it has no address yet' } };
    if (!seen.good) return ok<Look, AnyError>({ address, seen, container: before, wasOther: false });
    // The address may be another's since it was looked up, as when the engine was restarted: then that one has answered. Where a cutover
    // follows, that looks once more before anybody is sent there.
    const isLast = flow.spec.routes.length === 0;
    const container = yield* isLast ? inspectTarget(flow, signal) : recentTarget(flow, signal);
    const wasOther = !isSamePlace(addressOf(flow, check, container), address);
    return ok<Look, AnyError>({ address, seen, container, wasOther });
  });
}

/** The first look, begun while the step before has something else to wait for. */
export function lookEarly(flow: Flow, container: Container, signal: AbortSignal): void {
  const { health } = flow.spec;
  if (health.kind !== 'http' && health.kind !== 'tcp') return;
  const own = scope(flow.host.clock, [signal]);
  const end = () => {
    own.abort(new Error('nobody waits for it'));
    own.end();
  };
  flow.seen.looking = {
    look: look(flow, health, container, { atMs: 0, timeoutMs: pollTimeoutMs(health) }, own.signal),
    end,
  };
}

const pollTimeoutMs = ({ timeoutMs }: HttpCheck | TcpCheck): number => Math.min(POLL_TIMEOUT_MS, timeoutMs);

const said = (seen: Exclude<Seen, { good: true }>): string =>
  seen.attempt?.error ?? (seen.attempt?.status === undefined ? seen.reason : `status ${seen.attempt.status}`);

/** A check on another port than the stage's goes to the same host; what is published has no such port to offer. */
function addressOf(flow: Flow, check: HttpCheck | TcpCheck, container: Container | undefined): Place | undefined {
  const chosen = flow.spec.reach.probe;
  const endpoint = chosen && container ? endpointOf(container.endpoints, chosen) : undefined;
  if (!endpoint) return undefined;
  const isOther = check.port !== flow.spec.port && endpoint.kind !== 'published';
  return { host: endpoint.host, port: isOther ? check.port : endpoint.port };
}

/** Whether the target still has the address where the health check was answered; one that nobody was asked at has not changed. */
export function isWhereAnswered(flow: Flow, container: Container | undefined): boolean {
  const { health } = flow.spec;
  const { answered } = flow.seen;
  if (!answered || (health.kind !== 'http' && health.kind !== 'tcp')) return true;
  return isSamePlace(addressOf(flow, health, container), answered);
}

const urlOf = (check: HttpCheck | TcpCheck, { host, port }: Place): string => {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return check.kind === 'http' ? `http://${authority}${check.path}` : `tcp://${authority}`;
};

function attempt(
  flow: Flow,
  check: HttpCheck | TcpCheck,
  where: Place & { readonly atMs: number; readonly timeoutMs: number },
  signal: AbortSignal,
): ResultAsync<Seen, AnyError> {
  const { host, port, timeoutMs } = where;
  const atMs = Math.round(where.atMs);
  const url = urlOf(check, where);
  const http = check.kind === 'http' ? check : { method: 'GET', path: '/', headers: {} };
  const request = {
    kind: check.kind,
    host,
    port,
    timeoutMs,
    method: http.method,
    path: http.path,
    headers: http.headers,
  };
  return routine(async function* () {
    // The probe keeps its own limit; this one is for a probe that does not.
    const answered = await flow.call(
      'The health check',
      signal,
      (options) => guard(() => flow.host.probe.check(request, options)),
      { ms: timeoutMs + 500, setting: 'healthcheck.timeout' },
    );
    if (answered.isErr()) {
      const { error } = answered;
      // A probe may say in its own words that it was broken off.
      if (signal.aborted) return err<Seen, AnyError>(aborted('The health check', signal.reason));
      const reason: ProbeReason = 'reason' in error ? error.reason : 'timeout';
      const text = error.kind === 'timeout' ? `no answer within ${timeoutMs} ms` : error.message;
      return ok<Seen, AnyError>({ good: false, reason, attempt: { atMs, url, error: text } });
    }
    const { status, body, location } = answered.value;
    if (check.kind === 'tcp' || status === null) return ok<Seen, AnyError>({ good: true });
    const judged = judgeHttp(check, { status, body });
    if (judged.good) return ok<Seen, AnyError>(judged);
    const seen: Attempt = {
      atMs,
      url,
      status,
      body: flow.ledger.redactor.text(body).slice(0, 200),
      ...(location === null ? {} : { location }),
    };
    return okAsync<Seen, AnyError>({ ...judged, attempt: seen });
  });
}
