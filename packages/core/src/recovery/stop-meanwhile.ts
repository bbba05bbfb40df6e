/**
 * What a dead host may still have under way is waited for before a route is taken back, and the container goes after its route. Stopping is
 * what takes long of removing one, and no lease has to cover it where it never was committed: what nothing leads to is stopped meanwhile.
 */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { Identities, JournalRecord } from '../domain/records.js';
import type { Host } from '../flow/host.js';
import { isKnownEntry } from '../flow/run-steps.js';
import { neededHost } from '../flow/settle.js';
import { KNOWN_STEPS } from '../flow/steps/index.js';
import type { Lease } from '../kernel/held-lease.js';
import { routine } from '../kernel/routine.js';

/** Under the stage's lease. A route that comes late all the same leads to a container that is stopped and not gone, and is taken back after the wait. */
export function stopMeanwhile(
  host: Host,
  stageKey: string,
  lease: Lease,
  here: Identities,
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  const { clock, proxy, runtime, storeId } = host;
  return routine(async function* () {
    if (lease.quietMs <= clock.monotonicMs()) return ok(undefined);
    // The newest alone: after a failed undo nothing older is touched.
    const query = { where: { stageKey }, order: 'desc', limit: 1 } as const;
    const [newest] = yield* host.store.list('journals', query, { signal });
    const made = newest && neededHost(newest.value.identities, here) === null ? madeBy(newest.value) : undefined;
    if (!newest || !made) return ok(undefined);
    for (const domain of made.domains) {
      const held =
        proxy && (yield* host.call(`Reading the route ${domain}`, signal, (options) => proxy.get(domain, options)));
      if (held !== undefined) return ok(undefined);
    }
    const ref = { name: made.container, owner: { storeId, deployment: newest.value.id } };
    yield* host.call(`Stopping ${ref.name}`, signal, (options) => runtime.stop(ref, { ...options, graceMs: 0 }));
    return ok<void, AnyError>(undefined);
  });
}

/**
 * The container that a deployment was to make, and the domains that were to lead to it before its cutover. Undefined where live routes may
 * lead there by now, or where somebody else has to take back what came after it.
 */
export function madeBy({
  entries,
}: Pick<JournalRecord, 'entries'>): { readonly container: string; readonly domains: readonly string[] } | undefined {
  if (entries.some((entry) => entry.step === 'cutover' || !isKnownEntry(KNOWN_STEPS, entry))) return undefined;
  const intentOf = (name: string) => entries.find(({ step }) => step === name)?.intent;
  const created = intentOf('create') as { readonly container: string } | undefined;
  const routed = intentOf('route') as { readonly routes: readonly { readonly domain: string }[] } | undefined;
  return created && { container: created.container, domains: (routed?.routes ?? []).map(({ domain }) => domain) };
}
