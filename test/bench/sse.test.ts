/** The short form of `npm run bench:sse`: whether nobody misses anything. How flat memory is, only many entries can say. */
import { expect, it } from 'vitest';
import { measureFollowing } from '../../bench/support/sse/measure.js';

it('sends every entry of a growing log once and in order to everybody who follows it, cut connections included', async () => {
  const terms = { followers: 100, entries: 10_000, cuts: 20, limitMs: 60_000, say: () => {} };
  const { faults, whole, resumed } = await measureFollowing(terms);
  expect(faults).toEqual({ gaps: 0, doubles: 0, others: [], lagging: 0 });
  expect({ whole, resumed }).toEqual({ whole: 100, resumed: 20 });
}, 90_000);
