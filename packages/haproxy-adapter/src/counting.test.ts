import { describe, expect, it } from 'vitest';
import { countedIn, countingLines, tableSections } from './counting.js';

describe('counting', () => {
  it('has a counter for each bound, and a table with room for all of them', () => {
    const lines = countingLines('quayside', 'txn.begun', 'txn.took', 'if ours');
    const counters = lines.flatMap((line) => /sc-inc-gpc\((\d+),0\)/.exec(line)?.[1] ?? []).map(Number);
    expect(counters).toEqual(Array.from({ length: counters.length }, (_, index) => index));
    expect(tableSections('quayside')[0]?.[1]).toContain(`store gpc(${counters.length})`);
    // HAProxy's own limit of such an array.
    expect(counters.length).toBeLessThanOrEqual(100);
    expect(countedIn('').latencies).toHaveLength(counters.length - 1);
  });

  it('reads an entry as HAProxy prints it, under ascending bounds that end with infinity', () => {
    const shown =
      '# table: quayside-statistics, type: string, size:10240, used:1\n0x7f2c: key=one use=0 exp=0 shard=0 gpc0=3 gpc1=20 gpc2=0 gpc5=7';
    const { errors, latencies } = countedIn(shown);
    expect(errors).toBe(3);
    expect(latencies.filter(({ count }) => count > 0)).toEqual([
      { upToMs: 1, count: 20 },
      { upToMs: 5, count: 7 },
    ]);
    const bounds = latencies.map(({ upToMs }) => upToMs);
    expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
    expect(bounds.at(-1)).toBe(Number.POSITIVE_INFINITY);
  });
});
