/**
 * What one instance has answered through this server. The latency's bounds lie 2^(1/4) apart, from one millisecond to four minutes: a
 * percentile read from them is at most a fifth too high. An answer costs a logarithm and two increments.
 */
import type { TargetStatistics } from '@quayside/core/ports';

const STEPS_PER_DOUBLING = 4;
/** 2^18 ms. */
const DOUBLINGS = 18;
const BOUNDS_MS: readonly number[] = [
  ...Array.from({ length: DOUBLINGS * STEPS_PER_DOUBLING + 1 }, (_, step) => 2 ** (step / STEPS_PER_DOUBLING)),
  Number.POSITIVE_INFINITY,
];

/** As servers tell each other: JSON has no word for infinity, so the bounds are left out. */
export interface Counts {
  readonly requests: number;
  readonly errors: number;
  /** One for each bound. */
  readonly latencies: readonly number[];
}

export interface Tally {
  /** An answer of the instance's, by how long its head took. */
  answered(status: number, latencyMs: number): void;
  /** The proxy answered in its place. */
  failed(): void;
  counts(): Counts;
}

export function tally(): Tally {
  let requests = 0;
  let errors = 0;
  const latencies = new Float64Array(BOUNDS_MS.length);
  return {
    answered(status, latencyMs) {
      requests += 1;
      if (status >= 500) errors += 1;
      const index = boundIndex(latencyMs);
      latencies[index] = (latencies[index] ?? 0) + 1;
    },
    failed() {
      requests += 1;
      errors += 1;
    },
    counts: () => ({ requests, errors, latencies: [...latencies] }),
  };
}

/** Of the first bound that is not below it. */
export function boundIndex(latencyMs: number): number {
  if (!(latencyMs > 1)) return 0;
  return Math.min(Math.ceil(Math.log2(latencyMs) * STEPS_PER_DOUBLING), BOUNDS_MS.length - 1);
}

export const boundMs = (index: number): number => BOUNDS_MS[index] ?? Number.POSITIVE_INFINITY;

/** All servers' counts together. */
export function statisticsOf(all: readonly Counts[]): TargetStatistics {
  const sum = (of: (counts: Counts) => number) => all.reduce((total, counts) => total + of(counts), 0);
  return {
    requests: sum(({ requests }) => requests),
    errors: sum(({ errors }) => errors),
    latencies: BOUNDS_MS.map((upToMs, index) => ({ upToMs, count: sum(({ latencies }) => latencies[index] ?? 0) })),
  };
}
