/**
 * The routes as the store keeps them, and the one way in which they change.
 *
 * Every change takes the next revision: the head, which names the newest one and the domains of the latest, and the route are
 * written in one commit, each over exactly the version that was read. Whoever has read the head at a revision and then the routes
 * that changed since has every change up to it, perhaps a newer one of some of them, and never an older.
 */
import {
  allOf,
  type Change,
  type Holding,
  type Json,
  type ProxyHeadRecord,
  type ProxyRouteRecord,
  type Route,
  type Store,
  type Stored,
  type StoreError,
} from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { RouteChange } from './table.js';

/** Who is further behind reads all routes. */
const CHANGED_MAX = 64;
/** Of one look into the store. */
const PAGE = 500;

export interface Held {
  readonly head: Stored<ProxyHeadRecord> | undefined;
  readonly route: Stored<ProxyRouteRecord> | undefined;
}

/** What a follower has to do to be at `revision`. */
export type News =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'changes'; readonly revision: number; readonly changes: readonly RouteChange[] }
  | { readonly kind: 'all'; readonly revision: number; readonly records: readonly ProxyRouteRecord[] };

export interface RouteLog {
  read(domain: string, signal: AbortSignal): Promise<Result<Held, StoreError>>;
  /**
   * Writes or, with a null route, removes it, over exactly what was read.
   * @returns its revision, and the record as it stands now
   */
  write(
    domain: string,
    held: Held,
    route: Route | null,
    signal: AbortSignal,
  ): Promise<Result<{ readonly revision: number; readonly change: RouteChange }, StoreError>>;
  /** What has changed since this revision; -1 is before the first. */
  since(revision: number, signal: AbortSignal): Promise<Result<News, StoreError>>;
  list(signal: AbortSignal): Promise<Result<readonly ProxyRouteRecord[], StoreError>>;
}

/** What the port knows of it, and nothing else that came along. */
const plain = ({ message, retryAfterMs }: Holding): Holding => ({ message, retryAfterMs });

export function routeLog(store: Store, proxy: string): RouteLog {
  const idOf = (domain: string) => `${proxy}/${domain}`;

  const list = async (signal: AbortSignal): Promise<Result<readonly ProxyRouteRecord[], StoreError>> => {
    const held = await allOf(store, 'proxyRoutes', { where: { proxy }, limit: PAGE }, { signal });
    return held.map((all) => all.map(({ value }) => value));
  };

  return {
    list,
    async read(domain, signal) {
      const [head, route] = await Promise.all([
        store.get('proxyHeads', proxy, { signal }),
        store.get('proxyRoutes', idOf(domain), { signal }),
      ]);
      if (head.isErr()) return err(head.error);
      return route.map((found) => ({ head: head.value, route: found }));
    },
    async write(domain, held, route, signal) {
      const revision = (held.head?.value.revision ?? 0) + 1;
      const changed = [...(held.head?.value.changed ?? []), domain].slice(-CHANGED_MAX);
      const head: ProxyHeadRecord = { id: proxy, revision, changed };
      const record: ProxyRouteRecord | undefined = route
        ? {
            id: idOf(domain),
            proxy,
            domain,
            mark: route.mark,
            revision,
            targets: route.targets.map((target) => ({ ...target })) as unknown as Json,
            ...(route.sticky ? { sticky: true as const } : {}),
            ...(route.holding ? { holding: plain(route.holding) } : {}),
            options: route.options,
          }
        : undefined;
      const changes: Change[] = [
        held.head
          ? { op: 'put', collection: 'proxyHeads', record: head, version: held.head.version }
          : { op: 'insert', collection: 'proxyHeads', record: head },
      ];
      if (!record) {
        const version = held.route?.version;
        const gone = { op: 'remove', collection: 'proxyRoutes', id: idOf(domain) } as const;
        changes.push(version === undefined ? gone : { ...gone, version });
      } else if (held.route) {
        changes.push({ op: 'put', collection: 'proxyRoutes', record, version: held.route.version });
      } else changes.push({ op: 'insert', collection: 'proxyRoutes', record });
      const committed = await store.commit(changes, { signal });
      return committed.map(() => ({ revision, change: { domain, record } }));
    },
    async since(revision, signal) {
      const head = await store.get('proxyHeads', proxy, { signal });
      if (head.isErr()) return err(head.error);
      const newest = head.value?.value.revision ?? 0;
      if (newest <= revision) return ok({ kind: 'nothing' });
      const changed = head.value?.value.changed ?? [];
      const behind = newest - revision;
      if (revision < 0 || behind > changed.length) {
        return (await list(signal)).map((records) => ({ kind: 'all', revision: newest, records }));
      }
      const domains = [...new Set(changed.slice(-behind))];
      const found = await Promise.all(domains.map((domain) => store.get('proxyRoutes', idOf(domain), { signal })));
      const changes: RouteChange[] = [];
      for (const [index, record] of found.entries()) {
        if (record.isErr()) return err(record.error);
        changes.push({ domain: domains[index] as string, record: record.value?.value });
      }
      return ok({ kind: 'changes', revision: newest, changes });
    },
  };
}
