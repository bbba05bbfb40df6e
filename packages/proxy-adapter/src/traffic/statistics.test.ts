import { describe, expect, it } from 'vitest';
import { boundIndex, boundMs, statisticsOf, tally } from './statistics.js';

describe('a tally', () => {
  it('puts a latency under the first bound that is not below it, and no bound is more than a fifth above it', () => {
    for (let latencyMs = 0.01; latencyMs < 200_000; latencyMs *= 1.07) {
      const index = boundIndex(latencyMs);
      expect(boundMs(index)).toBeGreaterThanOrEqual(latencyMs * (1 - 1e-9));
      if (latencyMs > 1) expect(boundMs(index)).toBeLessThan(latencyMs * 1.2);
    }
    expect(boundMs(boundIndex(10_000_000))).toBe(Number.POSITIVE_INFINITY);
    expect(boundIndex(Number.NaN)).toBe(0);
  });

  it('counts every answer once, and as an error from 500 on or where the proxy had to answer itself', () => {
    const counted = tally();
    counted.answered(200, 3);
    counted.answered(404, 3);
    counted.answered(500, 90);
    counted.failed();
    const { requests, errors, latencies } = statisticsOf([counted.counts()]);
    expect({ requests, errors }).toEqual({ requests: 4, errors: 2 });
    // Whoever did not answer took no time to do so.
    expect(latencies.reduce((sum, { count }) => sum + count, 0)).toBe(3);
  });

  it('of several servers is one: sums, under ascending bounds that end with infinity', () => {
    const [one, other] = [tally(), tally()];
    one.answered(200, 5);
    other.answered(200, 5);
    other.answered(503, 700);
    const { requests, errors, latencies } = statisticsOf([one.counts(), other.counts()]);
    expect({ requests, errors }).toEqual({ requests: 3, errors: 1 });
    expect(latencies.filter(({ count }) => count > 0).map(({ count }) => count)).toEqual([2, 1]);
    const bounds = latencies.map(({ upToMs }) => upToMs);
    expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
    expect(bounds.at(-1)).toBe(Number.POSITIVE_INFINITY);
  });

  it('of nobody is zero', () => {
    const { requests, errors, latencies } = statisticsOf([]);
    expect([requests, errors, ...latencies.map(({ count }) => count)].every((count) => count === 0)).toBe(true);
  });
});
