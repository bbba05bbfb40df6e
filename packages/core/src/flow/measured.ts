/** What an instance has answered between two looks, and whether that is good enough. */
import type { Measured } from '../domain/reports.js';
import type { SpecCutover } from '../domain/spec.js';
import type { TargetStatistics } from '../ports/proxy-manager.js';

type Counts = Pick<TargetStatistics, 'requests' | 'errors' | 'latencies'>;

/** What has come since; of a proxy that has begun to count anew, all that it has. */
export function measuredSince(before: Counts, now: Counts): Measured {
  const base: Counts = now.requests < before.requests ? { requests: 0, errors: 0, latencies: [] } : before;
  const requests = now.requests - base.requests;
  const errors = Math.max(0, now.errors - base.errors);
  const counted = new Map(base.latencies.map(({ upToMs, count }) => [upToMs, count]));
  const latencies = now.latencies.map(({ upToMs, count }) => ({
    upToMs,
    count: Math.max(0, count - (counted.get(upToMs) ?? 0)),
  }));
  return { requests, errors, errorRate: requests === 0 ? 0 : errors / requests, p99Ms: quantileMs(latencies, 0.99) };
}

/**
 * Within the bucket that it falls into it is taken for evenly spread; of the last one, which has no end, its beginning counts.
 * Source: Prometheus, `histogram_quantile`.
 */
export function quantileMs(latencies: Counts['latencies'], q: number): number | null {
  const total = latencies.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return null;
  const rank = q * total;
  let below = 0;
  let fromMs = 0;
  for (const { upToMs, count } of latencies) {
    if (below + count >= rank && count > 0)
      return Number.isFinite(upToMs) ? fromMs + ((upToMs - fromMs) * (rank - below)) / count : fromMs;
    below += count;
    fromMs = upToMs;
  }
  return fromMs;
}

/** What of it is worse than was agreed, in words; undefined: nothing. */
export function worseThan(measured: Measured, limits: NonNullable<SpecCutover['abortOn']>): string | undefined {
  const { errorRate, errors, p99Ms, requests } = measured;
  if (limits.errorRate !== null && errorRate > limits.errorRate)
    return `${errors} of ${requests} answers were errors, which is more than ${percent(limits.errorRate)}`;
  if (limits.p99Ms !== null && p99Ms !== null && p99Ms > limits.p99Ms)
    return `the slowest hundredth of ${requests} answers took ${Math.round(p99Ms)} ms and more, which is over ${limits.p99Ms} ms`;
  return undefined;
}

const percent = (part: number): string => `${Number((part * 100).toFixed(2))} %`;
