/**
 * Errors as the API answers them: problem details with our hints. Source: RFC 9457.
 *
 * What a `bug` says stays in this process: it is whatever was thrown, and may hold anything.
 */
import type { AnyError, ErrorKind, Issue } from '@quayside/core/ports';

/** What can be wrong with a call itself. */
export type ApiErrorKind =
  | 'not-found'
  | 'method-not-allowed'
  | 'unauthenticated'
  | 'forbidden'
  | 'cross-site'
  | 'unsupported-media-type'
  | 'body-too-large'
  | 'body-too-slow'
  | 'too-many-followers';

export interface ApiError {
  readonly kind: ApiErrorKind;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly headers?: { readonly [name: string]: string };
}

/** Why a call is not answered with what it asked for; `response`: `authorize` has its own answer. */
export type Failure = AnyError | ApiError | { readonly response: Response };

export const apiError = (
  kind: ApiErrorKind,
  message: string,
  hint: string,
  more: { readonly retryable?: boolean; readonly headers?: { readonly [name: string]: string } } = {},
): ApiError => ({ kind, message, hint, retryable: false, ...more });

export interface Problem {
  /** Stable, one per kind. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What happened. */
  readonly detail: string;
  readonly kind: ErrorKind | ApiErrorKind;
  /** What the reader can do now. */
  readonly hint: string;
  /** Whether the same call can succeed later although nobody has changed anything. */
  readonly retryable: boolean;
  /** The first wrong field. */
  readonly path?: string;
  readonly issues?: readonly Issue[];
  readonly code?: string;
  readonly step?: string;
}

/** The status of every kind. A kind of an adapter's port that fails is the gateway's: 502, or 504 for one that took too long. */
export const STATUS: { readonly [Kind in ErrorKind | ApiErrorKind]: number } = {
  'not-found': 404,
  'method-not-allowed': 405,
  unauthenticated: 401,
  forbidden: 403,
  'cross-site': 403,
  'unsupported-media-type': 415,
  'body-too-large': 413,
  'body-too-slow': 408,
  'too-many-followers': 503,
  'invalid-config': 500,
  'invalid-options': 500,
  'invalid-request': 400,
  'unknown-project': 404,
  'unknown-stage': 404,
  'unknown-deployment': 404,
  'unknown-instance': 404,
  'instance-in-use': 409,
  'nothing-before': 409,
  'idempotency-conflict': 409,
  unsupported: 501,
  closed: 503,
  aborted: 503,
  timeout: 504,
  bug: 500,
  'engine-unreachable': 502,
  'engine-refused': 502,
  'name-taken': 409,
  'container-missing': 409,
  'start-failed': 502,
  'port-taken': 409,
  'network-missing': 409,
  'image-not-found': 404,
  'image-in-use': 409,
  'image-unusable': 502,
  'registry-unreachable': 502,
  'registry-denied': 502,
  'proxy-unreachable': 502,
  'proxy-denied': 502,
  'proxy-refused': 502,
  'domain-taken': 409,
  'route-changed': 409,
  'route-unproved': 502,
  'cutover-aborted': 409,
  'no-endpoint': 409,
  'probe-failed': 502,
  unhealthy: 409,
  'store-unavailable': 503,
  'store-refused': 503,
  'store-conflict': 409,
  'lease-lost': 409,
  'stage-busy': 409,
  'secret-not-kept': 409,
  'secret-unreadable': 409,
  cancelled: 409,
  interrupted: 409,
  superseded: 409,
  abandoned: 409,
  'notify-failed': 502,
};

export function problemOf(failure: AnyError | ApiError): Problem {
  const { kind, hint, retryable } = failure;
  const isBug = kind === 'bug';
  const issues = 'issues' in failure ? (failure.issues as readonly Issue[]) : undefined;
  const first = issues?.[0]?.path;
  return {
    type: `tag:quayside.dev,2026:error/${kind}`,
    title: titleOf(kind),
    status: STATUS[kind] ?? 500,
    detail: isBug ? 'Something went wrong inside this host.' : failure.message,
    kind,
    hint: isBug ? 'Ask who runs this host to look at its errors.' : hint,
    retryable,
    ...(first === undefined ? {} : { path: first }),
    ...(issues === undefined ? {} : { issues }),
    ...('code' in failure && failure.code !== undefined && !isBug ? { code: failure.code } : {}),
    ...('step' in failure && failure.step !== undefined ? { step: failure.step } : {}),
  };
}

export function problemResponse(failure: AnyError | ApiError): Response {
  const problem = problemOf(failure);
  const headers = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
  if ('headers' in failure) for (const [name, value] of Object.entries(failure.headers ?? {})) headers.set(name, value);
  if (problem.retryable && problem.status === 503 && !headers.has('retry-after')) headers.set('retry-after', '1');
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

const titleOf = (kind: string): string => {
  const words = kind.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};
