/**
 * The routes that one server serves now, in memory. A change takes the place of what was there between two requests: whoever looked
 * a route up before goes on with what it saw, whoever looks after gets the new one.
 */
import type { Holding, Json, ProxyRouteRecord, Target } from '@quayside/core/ports';
import type { RouteLimits } from '../options.js';
import { balancer } from '../traffic/balance.js';
import { type Tally, tally } from '../traffic/statistics.js';
import { stayToken } from '../traffic/stay.js';
import type { Upstream } from '../traffic/upstream.js';

export interface Backend {
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly upstream: Upstream;
  /** What its instance has answered, over all routes: one for all backends of the instance. */
  readonly tally: Tally;
  /** By which a visitor of a sticky route says that this one answered before; null where the route is not sticky. */
  readonly token: string | null;
}

export interface LiveRoute {
  readonly domain: string;
  readonly mark: string;
  readonly revision: number;
  readonly limits: RouteLimits;
  readonly isSticky: boolean;
  /** What visitors are told instead of being sent on; null: they are sent on. */
  readonly holding: Holding | null;
  readonly backends: readonly Backend[];
  /** Whose turn it is; undefined where none fits. */
  readonly next: (isFit?: (backend: Backend) => boolean) => Backend | undefined;
}

export interface RouteChange {
  readonly domain: string;
  /** Undefined: the route is gone. */
  readonly record: ProxyRouteRecord | undefined;
}

export interface RouteTable {
  /** Every change of the routes up to and with this one is in here. */
  readonly revision: number;
  readonly size: number;
  get(domain: string): LiveRoute | undefined;
  /** Of an instance that has a route. */
  tallyOf(instance: string): Tally | undefined;
  apply(revision: number, changes: readonly RouteChange[]): void;
  /** What is not among the records is gone. */
  replace(revision: number, records: readonly ProxyRouteRecord[]): void;
  /** Lets go of every connection to an instance. */
  destroy(): void;
}

export const targetsOf = (record: ProxyRouteRecord): readonly Target[] =>
  record.targets as unknown as readonly Target[];

export interface RouteTableOptions {
  readonly openUpstream: (host: string, port: number) => Upstream;
  readonly limitsOf: (options: Json) => RouteLimits;
}

export function routeTable({ openUpstream, limitsOf }: RouteTableOptions): RouteTable {
  const routes = new Map<string, LiveRoute>();
  const upstreams = new Map<string, { readonly upstream: Upstream; users: number }>();
  const tallies = new Map<string, { readonly tally: Tally; users: number }>();
  let revision = -1;

  const keyOf = (target: { readonly host: string; readonly port: number }) => `${target.host} ${target.port}`;
  const acquire = (target: Target): Upstream => {
    const key = keyOf(target);
    const held = upstreams.get(key) ?? { upstream: openUpstream(target.host, target.port), users: 0 };
    held.users += 1;
    upstreams.set(key, held);
    return held.upstream;
  };
  const count = (instance: string): Tally => {
    const held = tallies.get(instance) ?? { tally: tally(), users: 0 };
    held.users += 1;
    tallies.set(instance, held);
    return held.tally;
  };
  const release = (backend: Backend) => {
    const counted = tallies.get(backend.instance);
    if (counted) counted.users -= 1;
    if (counted?.users === 0) tallies.delete(backend.instance);
    const key = keyOf(backend);
    const held = upstreams.get(key);
    if (!held) return;
    held.users -= 1;
    if (held.users > 0) return;
    upstreams.delete(key);
    held.upstream.retire();
  };

  const set = ({ domain, record }: RouteChange) => {
    const before = routes.get(domain);
    if (record) {
      const backends = targetsOf(record).map((target) => ({
        instance: target.instance,
        host: target.host,
        port: target.port,
        weight: target.weight ?? 1,
        upstream: acquire(target),
        tally: count(target.instance),
        token: record.sticky ? stayToken(target.instance) : null,
      }));
      const { mark, revision: since } = record;
      const isSticky = record.sticky === true;
      const limits = limitsOf(record.options);
      const holding = record.holding ?? null;
      routes.set(domain, {
        domain,
        mark,
        limits,
        isSticky,
        holding,
        revision: since,
        backends,
        next: balancer(backends),
      });
    } else routes.delete(domain);
    // After the new ones are held: a target that stays keeps its connections.
    for (const backend of before?.backends ?? []) release(backend);
  };

  return {
    get revision() {
      return revision;
    },
    get size() {
      return routes.size;
    },
    get: (domain) => routes.get(domain),
    tallyOf: (instance) => tallies.get(instance)?.tally,
    apply(to, changes) {
      for (const change of changes) set(change);
      revision = to;
    },
    replace(to, records) {
      const kept = new Set(records.map((record) => record.domain));
      for (const domain of [...routes.keys()]) if (!kept.has(domain)) set({ domain, record: undefined });
      for (const record of records) {
        if (routes.get(record.domain)?.revision !== record.revision) set({ domain: record.domain, record });
      }
      revision = to;
    },
    destroy() {
      for (const { upstream } of upstreams.values()) upstream.destroy();
      upstreams.clear();
      tallies.clear();
      routes.clear();
    },
  };
}
