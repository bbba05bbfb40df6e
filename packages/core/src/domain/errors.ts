/**
 * Errors are values. Every expected failure, of the core or of an adapter, has this one shape, and its `kind` comes from
 * this one closed set, so that a host can switch on it; what is thrown instead is a bug.
 */
import type { Result } from 'neverthrow';
import type { Json } from './json.js';

/** Every category of failure, with what it means. Adapters choose from these and add a `code` in their own words. */
export type ErrorKind =
  // The caller
  | 'invalid-config' // the configuration given to createDeployer; `issues` has every field
  | 'invalid-options' // the options given to an adapter's factory; `issues` has every field
  | 'invalid-request' // a request to deploy, roll back or remove; `issues` has every field
  | 'unknown-project'
  | 'unknown-stage'
  | 'unknown-deployment'
  | 'unknown-instance'
  | 'instance-in-use' // the default route points to it
  | 'nothing-before' // there is nothing to roll back to
  | 'idempotency-conflict' // the key stands for another request
  | 'unsupported' // the port has not the capability that was asked for
  | 'closed' // the deployer is closed or closing
  // Any call
  | 'aborted' // its signal was aborted
  | 'timeout' // its own time limit was reached
  | 'bug' // something threw that should not have; please report it
  | 'plugin-failed' // a plugin's hook or step failed or refused; `code` is its own word
  // Container engine, image, registry
  | 'engine-unreachable'
  | 'engine-refused'
  | 'name-taken' // a container that is not ours has the name
  | 'container-missing'
  | 'start-failed' // the engine could not start the container's process
  | 'port-taken' // a fixed host port is in use
  | 'network-missing'
  | 'image-not-found' // the registry or the engine has no such tag, digest or repository
  | 'image-in-use'
  | 'image-unusable' // wrong platform, unpack failed, disk full
  | 'registry-unreachable'
  | 'registry-denied'
  // Proxy
  | 'proxy-unreachable'
  | 'proxy-denied' // credentials or permissions
  | 'proxy-refused'
  | 'domain-taken' // somebody else's, at the proxy or in this store
  | 'route-changed' // the proxy holds another value than was expected
  | 'route-unproved' // the front door does not serve the instance that it was told to
  | 'cutover-aborted' // with its share of the requests the new instance did worse than `abortOn` allows
  | 'no-endpoint' // the proxy or the probe reaches nothing that the runtime offers
  // Health
  | 'probe-failed' // one attempt; `reason` says how
  | 'unhealthy' // the verdict; `evidence` has all that was seen
  // Store, leases, secrets
  | 'store-unavailable' // the answer may be lost: what was asked may have happened
  | 'store-refused' // newer schema, not writable, disk full
  | 'store-conflict' // a record is not as expected; `collection` and `id` name it
  | 'lease-lost' // somebody else holds the lease now; `lease` names it
  | 'stage-busy' // somebody else holds the stage
  | 'secret-not-kept' // a value that was never stored, for want of a key
  | 'secret-unreadable' // no key opens it
  // Endings
  | 'cancelled'
  | 'interrupted' // the host that ran it died before the commit
  | 'superseded' // a newer request took its place before it began
  | 'abandoned' // nobody was left that could run it
  | 'notify-failed';

/** The shape of every expected failure. */
export interface TaggedError<Kind extends ErrorKind = ErrorKind> {
  /** Stable, part of the public API: hosts switch on it, and end with `default: return error satisfies never`. */
  readonly kind: Kind;
  /** The adapter's own word for it, e.g. an HTTP status or an engine's reason. */
  readonly code?: string;
  /** What happened, with the names involved and without a secret. */
  readonly message: string;
  /** What the reader can do now, in one imperative sentence. */
  readonly hint: string;
  /** Whether the same call can succeed later although nobody has changed anything. */
  readonly retryable: boolean;
  /** The step of the deployment that failed; added by the flow, since a port does not know which step is calling. */
  readonly step?: string;
  /**
   * For a call that changes something: whether it may have worked all the same. Where it is absent, `aborted`, `timeout`,
   * `engine-unreachable`, `proxy-unreachable`, `store-unavailable` and `bug` count as unknown and the rest as refused.
   */
  readonly outcome?: 'unknown' | 'refused';
  /** More that is plain data: health evidence, the issues of a bad input. */
  readonly details?: Json;
  /** What was caught. It stays in this process; what is stored is `causes`. */
  readonly cause?: unknown;
}

/** One wrong field of an input. */
export interface Issue {
  /** Where, e.g. `projects.shop.stages.dev.port`. */
  readonly path: string;
  /** What was expected there. */
  readonly expected: string;
  /** What came: shortened, and never the value of a field that can hold a secret. */
  readonly received: string;
}

export type InvalidError<Kind extends 'invalid-config' | 'invalid-options' | 'invalid-request'> = TaggedError<Kind> & {
  readonly issues: readonly Issue[];
};

export type AbortedError = TaggedError<'aborted'>;
export type TimeoutError = TaggedError<'timeout'>;
export type BugError = TaggedError<'bug'>;

/** Any failure of the library. */
export type AnyError = TaggedError<ErrorKind>;

const UNKNOWN_BY_KIND: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'aborted',
  'timeout',
  'engine-unreachable',
  'proxy-unreachable',
  'store-unavailable',
  'bug',
]);

/** Whether the call that failed so may have had its effect all the same. */
export const outcomeUnknown = (error: AnyError): boolean =>
  error.outcome ? error.outcome === 'unknown' : UNKNOWN_BY_KIND.has(error.kind);

/** An expected failure. Not retryable, unless `more` says so. */
export const failure = <Kind extends ErrorKind, More extends object = object>(
  kind: Kind,
  message: string,
  hint: string,
  more?: More,
): TaggedError<Kind> & More => ({ kind, message, hint, retryable: false, ...(more as More) });

export const aborted = (what: string, cause?: unknown): AbortedError => ({
  kind: 'aborted',
  message: `${what} was aborted.`,
  hint: 'Call again if it is still wanted.',
  retryable: true,
  ...(cause === undefined ? {} : { cause }),
});

/** @param setting what its limit is set by, as the configuration calls it */
export const timedOut = (what: string, limitMs: number, setting?: string, cause?: unknown): TimeoutError => ({
  kind: 'timeout',
  message: `${what} took longer than its limit of ${limitMs} ms.`,
  hint: `See what it waits for; raise ${setting ? `\`${setting}\`` : 'the limit'} only if it is slow by nature.`,
  retryable: true,
  ...(cause === undefined ? {} : { cause }),
});

export const bug = (cause: unknown): BugError => ({
  kind: 'bug',
  message: `Something threw instead of answering with an error: ${describeCause(cause)}`,
  hint: 'Report it with the stack of its cause, unless that leads to code of your own.',
  retryable: false,
  cause,
});

/** An error that was thrown, or one of ours that came as a value. */
const describeCause = (cause: unknown): string =>
  String(typeof cause === 'object' && cause && 'message' in cause ? cause.message : cause);

/** The messages of an error's chain of causes, outermost first, at most five: what is left of them when it is stored. */
export function causesOf(error: { readonly cause?: unknown }): string[] {
  const causes: string[] = [];
  let cause = error.cause;
  while (cause !== undefined && cause !== null && causes.length < 5) {
    causes.push(describeCause(cause));
    cause = typeof cause === 'object' && 'cause' in cause ? cause.cause : undefined;
  }
  return causes;
}

/** What a user of exceptions gets: the tagged error's fields on an `Error`. */
export class QuaysideError extends Error {
  readonly kind: ErrorKind;
  readonly hint: string;
  readonly retryable: boolean;
  readonly code: string | undefined;
  readonly step: string | undefined;
  readonly details: Json | undefined;
  readonly issues: readonly Issue[] | undefined;
  /** The error as a `Result` would have carried it. */
  readonly error: AnyError;

  constructor(error: AnyError) {
    super(error.message, error.cause === undefined ? undefined : { cause: error.cause });
    this.name = 'QuaysideError';
    this.kind = error.kind;
    this.hint = error.hint;
    this.retryable = error.retryable;
    this.code = error.code;
    this.step = error.step;
    this.details = error.details;
    this.issues = 'issues' in error ? (error.issues as readonly Issue[]) : undefined;
    this.error = error;
  }
}

/** For those who like exceptions: the value of a `Result` or `ResultAsync`, or its error thrown as a `QuaysideError`. */
export function unwrap<T, E extends AnyError>(result: Result<T, E>): T;
export function unwrap<T, E extends AnyError>(result: PromiseLike<Result<T, E>>): Promise<T>;
export function unwrap<T, E extends AnyError>(result: Result<T, E> | PromiseLike<Result<T, E>>): T | Promise<T> {
  if ('then' in result) return Promise.resolve(result).then((settled) => unwrap(settled));
  if (result.isOk()) return result.value;
  throw new QuaysideError(result.error);
}
