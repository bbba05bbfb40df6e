import type { Clock } from '@quayside/core/ports';
import { nextIs } from '../not-implemented.js';

export const acmeClock = (): Clock => ({
  // Milliseconds since the epoch: for people and ages. It may jump.
  now: () => nextIs('`now`'),
  // Never goes back: what leases, limits and intervals count on.
  monotonicMs: () => nextIs('`monotonicMs`'),
  // Calls back once; the answer takes that back.
  after: () => nextIs('`after`'),
});
