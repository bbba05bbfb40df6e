/** Parts that not every deployment needs: loaded at their first use, and then once and for all. */
import { once } from '../domain/once.js';

export const late = {
  recovery: once(() => import('../recovery/recover.js')),
  plugins: once(() => import('../plugins/plugins.js')),
  watch: once(() => import('../watch/watch.js')),
  pruning: once(() => import('../retention/prune.js')),
  reseal: once(() => import('../retention/reseal.js')),
  expiry: once(() => import('../retention/expire.js')),
  sweep: once(() => import('../workers/sweep.js')),
  maintenance: once(() => import('./maintenance.js')),
  cancel: once(() => import('../workers/cancel.js')),
  idempotency: once(() => import('../workers/idempotency.js')),
  // Its own neighbours load it.
  policies: once(() => import('../workers/policies.js')),
};
