import { performance } from 'node:perf_hooks';
import { durationText } from '../terminal/quantities.js';
import type { Check } from './checks.js';
import { failure, good, warning } from './finding.js';
import { portOf } from './ports.js';

/** Every step of a deployment commits: a slow store is felt in each of them. */
const SLOW_MS = 250;

export const checkStore: Check = async ({ deployer, options }, signal) => {
  const store = portOf(options.store);
  const name = store?.name ?? 'store';
  const startMs = performance.now();
  const read = await deployer.deployments.list({ limit: 1, signal });
  const tookMs = performance.now() - startMs;
  if (read.isErr()) return [failure('store', read.error)];
  // A store that can be read may still be locked, or on a disk that is read-only: a commit of nothing comes to know.
  const committed = await store?.commit([], { signal });
  if (committed?.isErr()) return [failure('store', committed.error)];
  const text = `${name} ${deployer.storeId} answers in ${durationText(tookMs)}`;
  if (tookMs <= SLOW_MS) return [good('store', text)];
  return [warning('store', `${text}, which is slow`, 'Keep it on a local disk, or nearer to this machine.')];
};
