/**
 * Removes what carries this store's mark and belongs to no record: routes first, and no container that one of our routes still points to. What
 * another host made through another proxy is left to one that sees that proxy.
 */
import { err, ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { writeLeases } from '../flow/writes.js';
import { routine } from '../kernel/routine.js';
import { effectUnder, releaseAll } from '../kernel/under-leases.js';
import { findUnowned, type UnownedContainer, type UnownedRoute } from '../recovery/unowned.js';
import { type PruneRun, remove } from './run.js';

/** Between the stop signal and the kill. */
const GRACE_MS = 10_000;

export function pruneUnowned(run: PruneRun): ResultAsync<void, AnyError> {
  const { host, signal, report } = run;
  return routine(async function* () {
    const first = yield* findUnowned(host, signal);
    report.kept.push(...first.blind);
    const gone = new Set<string>();
    for (const route of first.routes) if (yield* removeRoute(run, route)) gone.add(route.domain);
    // Looked at once more: what came to point to one of them meanwhile holds it.
    const { containers, held } = run.dryRun ? first : yield* findUnowned(host, signal);
    const pointing = (held ?? []).filter(({ domain }) => !gone.has(domain));
    for (const container of containers) {
      const needed = yield* whyNeeded(run, container, held && pointing);
      if (needed === null) yield* removeContainer(run, container);
      else report.kept.push(`container ${container.name}: ${needed}`);
    }
    return ok<void, AnyError>(undefined);
  });
}

/** Why a container may not go, in words; null: it may. */
function whyNeeded(
  { host, signal }: PruneRun,
  { name, owner }: UnownedContainer,
  held: readonly { readonly domain: string; readonly targets: UnownedRoute['targets'] }[] | null,
): ResultAsync<string | null, AnyError> {
  const { proxy, store } = host;
  return routine(async function* () {
    const deployment = yield* store.get('deployments', owner.deployment, { signal });
    const { identities } = yield* host.surroundings({ signal });
    const through = deployment?.value.identities?.proxy;
    if (through != null && through !== identities.proxy)
      return ok<string | null, AnyError>(`it was made with the proxy ${through}, which this host does not see`);
    if (proxy && !held) return ok<string | null, AnyError>(`what ${proxy.name} points to is not known`);
    const route = held?.find(({ targets }) =>
      // A proxy that does not know instances knows names and addresses; the name is the container's own.
      targets.some(({ instance, host: target }) => instance === owner.deployment || target === name),
    );
    if (route) return ok<string | null, AnyError>(`the route ${route.domain} points to it`);
    const recorded = yield* store.list(
      'routes',
      proxy ? { where: { instance: owner.deployment }, limit: 1 } : { limit: 1 },
      { signal },
    );
    const [record] = recorded;
    return ok<string | null, AnyError>(record ? `the route ${record.value.id} may point to it` : null);
  });
}

function removeContainer(run: PruneRun, container: UnownedContainer): ResultAsync<void, AnyError> {
  const { host, signal, report } = run;
  const { name, owner, state } = container;
  return routine(async function* () {
    if (!run.dryRun) {
      if (state === 'running') {
        const limit = { ms: GRACE_MS + host.settings.effectTimeoutMs };
        const stop = { signal, graceMs: GRACE_MS };
        yield* host.call(`Stopping ${name}`, signal, (o) => host.runtime.stop(container, { ...stop, ...o }), limit);
      }
      const removed = await host.call(`Removing ${name}`, signal, (options) =>
        host.runtime.remove({ name, owner }, options),
      );
      if (removed.isErr() || removed.value === 'foreign') {
        report.kept.push(`container ${name}: ${removed.isErr() ? removed.error.message : 'it is not ours any more'}`);
        return ok<void, AnyError>(undefined);
      }
    }
    yield* remove(run, { unowned: { containers: [name], routes: [] } }, []);
    return ok<void, AnyError>(undefined);
  });
}

/** Answers whether it is gone. Under the leases that cover it: who claims the domain meanwhile finds it free, or keeps it. */
function removeRoute(run: PruneRun, { domain, mark }: UnownedRoute): ResultAsync<boolean, AnyError> {
  const { host, signal, report } = run;
  const { proxy, store } = host;
  return routine(async function* () {
    if (!proxy) return ok<boolean, AnyError>(false);
    if (!run.dryRun) {
      const { identities } = yield* host.surroundings({ signal });
      const keys = writeLeases(host, identities.proxy, [domain]);
      const taken = await host.leases.take(keys, { signal, deployment: null, once: true });
      if (taken.isErr()) {
        if (taken.error.kind !== 'stage-busy') return taken.map(() => false);
        report.kept.push(`route ${domain}: ${taken.error.message}`);
        return ok<boolean, AnyError>(false);
      }
      const { leases } = taken.value;
      try {
        if (yield* store.get('routes', domain, { signal })) return ok<boolean, AnyError>(false);
        let hasBegun = false;
        const removed = await effectUnder(leases, host.settings.effectTimeoutMs, { signal }, () => {
          hasBegun = true;
          return host.call(`Removing the route ${domain}`, signal, (options) =>
            proxy.remove({ domain, mark }, options),
          );
        });
        if (removed.isErr() && !hasBegun) return err(removed.error);
        if (removed.isErr() || removed.value === 'foreign') {
          report.kept.push(`route ${domain}: ${removed.isErr() ? removed.error.message : 'it is not ours any more'}`);
          return ok<boolean, AnyError>(false);
        }
      } finally {
        await releaseAll(leases);
      }
    }
    yield* remove(run, { unowned: { containers: [], routes: [domain] } }, []);
    return ok<boolean, AnyError>(true);
  });
}
