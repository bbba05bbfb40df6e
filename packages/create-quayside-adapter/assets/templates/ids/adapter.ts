import type { Ids } from '@quayside/core/ports';
import { nextIs } from '../not-implemented.js';

export const acmeIds = (): Ids => ({
  // 18 characters of [0-9a-z], the first ten count the time; greater than those before, and nobody else's.
  next: () => nextIs('`next`'),
  // From 0 up to, not including, 1.
  random: () => nextIs('`random`'),
});
