/** The laws of `Store`. Whoever keeps them loses no commit, shows no half of one, and draws no number twice. */
import type { Law } from './law.js';
import { commitLaws } from './store/commit.js';
import { leaseLaws } from './store/leases.js';
import { lifeLaws } from './store/life.js';
import { queryLaws } from './store/queries.js';
import { streamLaws } from './store/streams.js';
import type { StoreSubject } from './store/subject.js';

export type { StoreSubject } from './store/subject.js';

export const storeLaws: readonly Law<StoreSubject>[] = [
  ...leaseLaws,
  ...commitLaws,
  ...streamLaws,
  ...queryLaws,
  ...lifeLaws,
];
