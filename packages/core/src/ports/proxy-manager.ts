import type { Result, ResultAsync } from 'neverthrow';
import type { Reach } from '../domain/endpoints.js';
import type { AbortedError, BugError, InvalidError, TaggedError, TimeoutError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type { CallOptions } from './call.js';
import type { Clock } from './clock.js';
import type { KeepsSecrets } from './secrets.js';
import type { Store } from './store.js';

export type ProxyError =
  | AbortedError
  | TimeoutError
  | BugError
  | TaggedError<'proxy-unreachable'>
  | TaggedError<'proxy-denied'>
  | TaggedError<'proxy-refused'>
  | TaggedError<'domain-taken'>
  | TaggedError<'route-changed'>
  | TaggedError<'route-unproved'>
  | TaggedError<'unsupported'>
  | TaggedError<'closed'>;

/** One place that a route sends requests to. */
export interface Target {
  /** The instance behind it: what `prove` looks for. */
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  /** A share of the requests, relative to the other targets; absent: all the same. */
  readonly weight?: number;
}

/** What visitors are told while a stage is in maintenance. */
export interface Holding {
  /** For people: plain text of one line, at most 500 characters. The proxy escapes it where it becomes part of a page. */
  readonly message: string;
  /** When to come again, told as `Retry-After` in whole seconds, rounded up (RFC 9110, section 10.2.3). */
  readonly retryAfterMs: number;
}

/** A domain, and the targets it is sent to. Plain HTTP towards the target. */
export interface Route {
  /** Lower case. */
  readonly domain: string;
  /** Ours: an id of at most 63 characters that begins with the store's id. */
  readonly mark: string;
  /** Never empty. */
  readonly targets: readonly Target[];
  /**
   * With the capability: a visitor stays with the target that answered first, by a cookie of the session, as long as the route has that
   * target with a weight above 0. A visitor without the cookie is sent by the weights. Default false: every request is.
   */
  readonly sticky?: boolean;
  /**
   * With the capability: the proxy answers visitors itself, 503 with `Retry-After` and a page that has the message, and sends `prove`'s
   * requests alone to the targets. What was under way when it was put ends as it began. Absent: the targets answer.
   */
  readonly holding?: Holding;
  /** What `parseOptions` made of the stage's options. */
  readonly options: Json;
}

/** What an instance has answered through this proxy, over all its routes. The counts only grow, until its last route is gone or the proxy starts again. */
export interface TargetStatistics {
  /** Answered requests, and those that the proxy answered itself since the instance did not; upgraded connections count when they begin. */
  readonly requests: number;
  /** Of them: status 500 and above, the proxy's own 502 and 504 included. */
  readonly errors: number;
  /**
   * From the request's head to the answer's, by upper bounds in milliseconds, ascending, the last one `Infinity`: how many took as long as
   * that at most and longer than the bound before. Their sum is `requests`, of those that were measured.
   */
  readonly latencies: readonly { readonly upToMs: number; readonly count: number }[];
}

/** What the proxy holds for a domain. */
export interface HeldRoute {
  readonly domain: string;
  /** Null: somebody else's, without a mark of ours or any. */
  readonly mark: string | null;
  /** `instance` is null where the proxy cannot tell. */
  readonly targets: readonly { readonly instance: string | null; readonly host: string; readonly port: number }[];
  /** What visitors are told instead of being sent to the targets; absent: they are sent there. */
  readonly holding?: Holding;
}

/** What a request through the front door has to bring, beside the instance itself, for a route to count as proved. */
export interface ProofRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
  /** Ranges of good status codes, both ends included. */
  readonly expectStatus: readonly (readonly [from: number, to: number])[];
}

export interface ProxyDescription {
  /** Stable and unique among proxies: its base URL, or the store's id and its name for an embedded one. */
  readonly identity: string;
  /** What it can send requests to, the best first. */
  readonly reaches: readonly Reach[];
}

export interface ProxyCapabilities {
  /** Whether a route to a target that does not answer yet is taken: then a new tagged route is put before the health check. */
  readonly acceptsUnready: boolean;
  /** Whether the `weight` of targets counts. */
  readonly weights: boolean;
  /** Whether `put` honours `expect`. */
  readonly expect: boolean;
  /** Whether WebSockets and downloads of other routes, and of this one, outlive a put. */
  readonly streamsSurviveWrite: boolean;
  /** Whether a route's `sticky` counts. */
  readonly sticky: boolean;
  /** Whether a route's `holding` counts. */
  readonly holding: boolean;
  /** How many targets a route may have. */
  readonly maxTargets: number;
}

/**
 * What Quayside asks of a reverse proxy.
 *
 * A route is one domain. It is ours when it carries a mark that begins with the store's id; nothing else is ever changed or
 * removed. A call that changed something answers only when the proxy has taken it over; `prove` then says whether requests
 * see it. Every method answers `aborted` once its signal is aborted (a change may have happened all the same), and
 * `proxy-unreachable` (retryable) when nobody answers.
 */
export interface ProxyManager extends KeepsSecrets {
  /** What it is, for errors and logs: `nginx-proxy-manager`. */
  readonly name: string;
  readonly capabilities: ProxyCapabilities;
  /** `serial`: two writes at once, to whatever routes, would hurt; the deployer takes a lease for the whole proxy. */
  readonly writes: 'serial' | 'parallel';

  describe(options: CallOptions): ResultAsync<ProxyDescription, ProxyError>;

  /**
   * Creates the route or replaces its targets and options at once: no request in between is answered by neither.
   * Idempotent. A domain that is held without our mark, or with another store's: `domain-taken`, and nothing was touched.
   * What the proxy took but cannot serve is an error (`proxy-refused`), and what it held before serves again.
   * @param expect with the capability: only if the route points to this instance now (null: only if there is no route),
   *   else `route-changed`
   */
  put(route: Route, options: CallOptions & { readonly expect?: string | null }): ResultAsync<void, ProxyError>;

  /** Removes a route that carries this mark: `removed`, `absent`, or `foreign` (left alone). */
  remove(
    route: { readonly domain: string; readonly mark: string },
    options: CallOptions,
  ): ResultAsync<'removed' | 'absent' | 'foreign', ProxyError>;

  /** What the proxy holds for a domain, whoever made it; undefined where it holds nothing. */
  get(domain: string, options: CallOptions): ResultAsync<HeldRoute | undefined, ProxyError>;

  /** Every route whose mark begins with the store's id. */
  list(owner: { readonly storeId: string }, options: CallOptions): ResultAsync<readonly HeldRoute[], ProxyError>;

  /**
   * Looks through the front door until requests for the route's domain are answered by this instance and the app answers
   * as asked, or until the signal is aborted or `timeoutMs` (default 10 000) is over: then `route-unproved`, with what was seen last. What
   * it looks at changes together with the upstream: a proxy that took the change and does not apply it, while the old instance
   * answers 200, is not proved. A route with `holding` is proved when visitors get that answer and a request that passes it by is
   * answered by this instance; without one no request passes anything by, so that a proxy that holds on is found out.
   * @param request what the app has to answer; null: the instance alone is looked for (a stage that does not speak HTTP)
   */
  prove(
    route: Route,
    request: ProofRequest | null,
    options: CallOptions & { readonly timeoutMs?: number },
  ): ResultAsync<void, ProxyError>;

  /** Requests and upgraded connections that this instance has accepted and not finished, over all routes. */
  inFlight?(instance: string, options: CallOptions): ResultAsync<number, ProxyError>;

  /** What it has answered so far; all zero for one that the proxy does not know. A progressive cutover with `abortOn` asks for it. */
  statistics?(instance: string, options: CallOptions): ResultAsync<TargetStatistics, ProxyError>;

  /** For a proxy that keeps its routes in the deployer's store: called once, before anything else. */
  attach?(store: Store, clock: Clock): void;

  /** Checks the stage's `options.proxy`. What it answers becomes part of the spec and comes back in `put`. */
  parseOptions?(options: unknown, path: string): Result<Json, InvalidError<'invalid-config'>>;

  /** For a proxy that has to be configured once by a person: the text of that configuration. It holds secrets of the options. */
  configuration?(): string;

  /** Stops what it listens on and lets go of connections. Nothing may be called afterwards; twice is `ok`. */
  close?(): ResultAsync<void, ProxyError>;
}
