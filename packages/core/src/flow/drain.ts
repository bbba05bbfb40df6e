/** Draining: an instance to which nothing leads any more finishes what it has accepted. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { Spec } from '../domain/spec.js';
import { routine } from '../kernel/routine.js';
import { sleep, tenthOf } from '../kernel/scope.js';
import type { Host } from './host.js';

/** How often the proxy is asked what is still in flight, in milliseconds: a download that has run for long is not over in a moment. */
const POLL_MIN_MS = 100;
const POLL_MAX_MS = 500;

type Drained = Pick<Spec, 'port' | 'drainMs' | 'drainTimeoutMs'>;

/**
 * Until nothing is in flight, where the proxy can count it; else for as long as the stage gives. Never beyond its cap.
 * @param since when nothing came to it any more, by the wall clock
 */
export function drain(
  host: Host,
  instance: string,
  spec: Drained,
  since: number,
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  const { clock, proxy } = host;
  return routine(async function* () {
    if (spec.port === null || !proxy) return ok(undefined);
    if (proxy.inFlight) return drainCounted(host, instance, spec.drainTimeoutMs, signal);
    const sinceMs = Math.max(0, clock.now() - since);
    const waitMs = Math.min(spec.drainMs, spec.drainTimeoutMs) - sinceMs;
    if (waitMs > 0) yield* sleep(clock, waitMs, signal);
    return ok(undefined);
  });
}

/** Until nothing is in flight; at once, where the proxy cannot count it. */
export function drainCounted(
  { call, clock, proxy }: Host,
  instance: string,
  mostMs: number,
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  const count = proxy?.inFlight?.bind(proxy);
  const sinceMs = clock.monotonicMs();
  return routine(async function* () {
    while (count && clock.monotonicMs() - sinceMs < mostMs) {
      const inFlight = yield* call('Counting what is in flight', signal, (options) => count(instance, options));
      if (inFlight === 0) break;
      const waitedMs = clock.monotonicMs() - sinceMs;
      const leftMs = Math.max(0, mostMs - waitedMs);
      yield* sleep(clock, Math.min(tenthOf(waitedMs, POLL_MIN_MS, POLL_MAX_MS), leftMs), signal);
    }
    return ok(undefined);
  });
}
