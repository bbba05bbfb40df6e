import { describe, expect, it } from 'vitest';
import { measuredSince, quantileMs, worseThan } from './measured.js';

const counts = (requests: number, errors: number, ...latencies: readonly (readonly [number, number])[]) => ({
  requests,
  errors,
  latencies: latencies.map(([upToMs, count]) => ({ upToMs, count })),
});

describe('quantileMs', () => {
  it('takes what is in a bucket for evenly spread', () => {
    expect(quantileMs(counts(0, 0, [100, 50], [200, 50]).latencies, 0.5)).toBe(100);
    expect(quantileMs(counts(0, 0, [100, 50], [200, 50]).latencies, 0.75)).toBe(150);
    expect(quantileMs(counts(0, 0, [100, 98], [500, 2]).latencies, 0.99)).toBe(300);
  });

  it('of the last bucket, which has no end, knows only where it begins', () => {
    expect(quantileMs(counts(0, 0, [100, 50], [Number.POSITIVE_INFINITY, 50]).latencies, 0.99)).toBe(100);
  });

  it('of nothing is nothing', () => {
    expect(quantileMs([], 0.99)).toBeNull();
    expect(quantileMs(counts(0, 0, [100, 0]).latencies, 0.99)).toBeNull();
  });
});

describe('measuredSince', () => {
  it('is what has come since, bucket by bucket', () => {
    const before = counts(100, 10, [100, 100], [200, 0]);
    const now = counts(300, 12, [100, 100], [200, 200]);
    expect(measuredSince(before, now)).toEqual({ requests: 200, errors: 2, errorRate: 0.01, p99Ms: 199 });
  });

  it('is all that there is where the proxy has begun to count anew', () => {
    expect(measuredSince(counts(100, 10, [100, 100]), counts(20, 1, [100, 20]))).toMatchObject({
      requests: 20,
      errors: 1,
    });
  });
});

describe('worseThan', () => {
  const limits = { errorRate: 0.02, p99Ms: 500, minRequests: 100, windowMs: 5_000 };
  const good = { requests: 100, errors: 2, errorRate: 0.02, p99Ms: 500 };

  it('lets pass what is just as good as was agreed', () => {
    expect(worseThan(good, limits)).toBeUndefined();
    expect(worseThan({ ...good, errorRate: 1, p99Ms: 9_000 }, { ...limits, errorRate: null, p99Ms: null })).toBe(
      undefined,
    );
  });

  it('says which limit was passed, and by what', () => {
    expect(worseThan({ ...good, errors: 3, errorRate: 0.03 }, limits)).toContain('3 of 100 answers were errors');
    expect(worseThan({ ...good, p99Ms: 501 }, limits)).toContain('501 ms');
    expect(worseThan({ ...good, p99Ms: null }, limits)).toBeUndefined();
  });
});
