/**
 * What carries this store's mark and belongs to no record: left by a call that arrived after everybody had given it up, or by a store
 * that was restored from an older copy. It is found here and removed by nobody but `prune({ unowned: true })`.
 *
 * A container is created after its deployment was claimed, a route is put after its domain was: so the engine and the proxy are asked
 * first and the records afterwards, and whatever is under way meanwhile has its record already.
 */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, aborted } from '../domain/errors.js';
import { isTerminal } from '../domain/records.js';
import type { Host } from '../flow/host.js';
import { allOf } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import type { CallOptions } from '../ports/call.js';
import type { Container, ContainerOwner } from '../ports/container-runtime.js';
import type { HeldRoute } from '../ports/proxy-manager.js';

export interface FoundUnowned {
  readonly containers: readonly UnownedContainer[];
  readonly routes: readonly UnownedRoute[];
  /** Every route of ours that the proxy holds: none of them may lose what it points to. Null: there is no proxy here, or it does not answer. */
  readonly held: readonly HeldRoute[] | null;
  /** What could not be looked at, in words. */
  readonly blind: readonly string[];
}

export type UnownedContainer = Container & { readonly owner: ContainerOwner };
export type UnownedRoute = HeldRoute & { readonly mark: string };

type UnownedHost = Pick<Host, 'call' | 'proxy' | 'runtime' | 'store' | 'storeId'>;

/** Reads only. What does not answer is in `blind`; the error is the store's. */
export function findUnowned(host: UnownedHost, signal: AbortSignal): ResultAsync<FoundUnowned, AnyError> {
  const { proxy, runtime, store, storeId } = host;
  return routine(async function* () {
    const blind: string[] = [];
    const list = async <T>(what: string, look: (options: CallOptions) => ResultAsync<readonly T[], AnyError>) => {
      const listed = await host.call(`Listing ${what}`, signal, look);
      if (listed.isErr()) blind.push(`${what}: ${listed.error.message}`);
      return listed.unwrapOr(null);
    };
    const containers = await list(`the containers of ${runtime.name}`, (options) => runtime.list({ storeId }, options));
    const held = proxy && (await list(`the routes of ${proxy.name}`, (options) => proxy.list({ storeId }, options)));
    if (signal.aborted) return err(aborted('Looking for what is unowned', signal.reason));
    const journals = JSON.stringify((yield* allOf(store, 'journals', {}, { signal })).map(({ value }) => value));
    const isJournalled = (name: string) => journals.includes(JSON.stringify(name));

    const unowned: { containers: UnownedContainer[]; routes: UnownedRoute[] } = { containers: [], routes: [] };
    for (const container of containers ?? []) {
      const { name, owner } = container;
      if (owner?.storeId !== storeId || isJournalled(owner.deployment) || isJournalled(name)) continue;
      if (yield* isOnRecord(host, owner.deployment, signal)) continue;
      // Undone or retired since it was listed: then it went before its record did.
      const again = yield* host.call(`Inspecting ${name}`, signal, (o) => runtime.inspect(name, { ...o, port: null }));
      if (again?.owner?.deployment === owner.deployment) unowned.containers.push({ ...container, owner });
    }
    for (const route of held ?? []) {
      const { domain, mark } = route;
      if (mark === null || isJournalled(domain)) continue;
      const record = yield* store.get('routes', domain, { signal });
      if (!record) unowned.routes.push({ ...route, mark });
    }
    return ok<FoundUnowned, AnyError>({ ...unowned, held, blind });
  });
}

/** Whether it is an instance, is about to become one, or is what a task is there to remove. */
function isOnRecord({ store }: Pick<Host, 'store'>, id: string, signal: AbortSignal): ResultAsync<boolean, AnyError> {
  return routine(async function* () {
    if (yield* store.get('instances', id, { signal })) return ok<boolean, AnyError>(true);
    const deployment = yield* store.get('deployments', id, { signal });
    if (deployment && !isTerminal(deployment.value.status)) return ok<boolean, AnyError>(true);
    const tasks = yield* store.list('tasks', { where: { subject: id }, limit: 1 }, { signal });
    return ok<boolean, AnyError>(tasks.length > 0);
  });
}
