/** What an embedded proxy's servers follow. */
import type { Json } from '../json.js';

/** What an embedded proxy's servers follow: the value of one route, and the servers themselves. `proxyRoutes`, `proxyServers` */
export interface ProxyRouteRecord {
  /** The proxy's name and the domain, as `name/domain`. */
  readonly id: string;
  readonly proxy: string;
  readonly domain: string;
  readonly mark: string;
  /** Grows with every put of this domain. */
  readonly revision: number;
  readonly targets: Json;
  /** Absent: every request is balanced. */
  readonly sticky?: true;
  /** Absent: visitors are sent to the targets. */
  readonly holding?: { readonly message: string; readonly retryAfterMs: number };
  readonly options: Json;
}

export interface ProxyServerRecord {
  readonly id: string;
  readonly proxy: string;
  readonly beat: number;
  readonly ttlMs: number;
  /** Every change of the routes up to and with this one is served. */
  readonly acknowledged: number;
  /** Where it listens, for people and for proving a route: `http://127.0.0.1:8080`. */
  readonly frontDoor: string;
  /** Drawn at random when it starts: who can read it here may ask the server itself which instance it serves. */
  readonly key: string;
  readonly startedAt: number;
}

/** The newest change of an embedded proxy's routes. `proxyHeads` */
export interface ProxyHeadRecord {
  /** The proxy's name. */
  readonly id: string;
  readonly revision: number;
  /** The domains of the latest changes, the newest last: who is not further behind reads these routes and no others. */
  readonly changed: readonly string[];
}
