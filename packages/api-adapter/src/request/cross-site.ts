/**
 * Whether a page of another site makes a call with a visitor's cookies, and what such a page may see.
 *
 * A browser says where a call comes from, in headers that no page can set: `Sec-Fetch-Site`, or, where it does not send that (plain HTTP,
 * old browsers), `Origin`. Whoever sends neither is no browser, and has no visitor's cookies.
 * Source: F. Valsorda, "Cross-Site Request Forgery", 2025, and Go's `http.CrossOriginProtection`; WHATWG Fetch, "CORS protocol".
 */
import { type ApiError, apiError } from '../problem.js';

/** For calls that change something: null where it may go on. */
export function crossSite(request: Request, origins: ReadonlySet<string>): ApiError | null {
  const origin = request.headers.get('origin');
  if (origin !== null && origins.has(origin)) return null;
  const site = request.headers.get('sec-fetch-site');
  if (site === 'same-origin' || site === 'none') return null;
  if (site === null && (origin === null || isSameHost(origin, request))) return null;
  return apiError(
    'cross-site',
    'A page of another site made this call.',
    'Call from a page of the same origin, or add that page’s origin to `origins` of apiHandler.',
  );
}

/** By host and port alone: what ends TLS in front of this host hides the scheme from it. */
function isSameHost(origin: string, request: Request): boolean {
  const host = request.headers.get('host') ?? new URL(request.url).host;
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}

/** What lets a page of one of the named origins read the answer. */
export function allowOrigin(request: Request, origins: ReadonlySet<string>, headers: Headers): void {
  if (origins.size === 0) return;
  headers.append('vary', 'Origin');
  const origin = request.headers.get('origin');
  if (origin === null || !origins.has(origin)) return;
  headers.set('access-control-allow-origin', origin);
  headers.set('access-control-allow-credentials', 'true');
  headers.set('access-control-expose-headers', 'Location, Retry-After');
  // Else only pages of the same origin may embed the answer.
  headers.set('cross-origin-resource-policy', 'cross-origin');
}

/** What a browser asks before a call of such a page. */
export function preflight(request: Request, origins: ReadonlySet<string>, methods: string, headers: Headers): void {
  const origin = request.headers.get('origin');
  if (origin === null || !origins.has(origin) || !request.headers.has('access-control-request-method')) return;
  headers.set('access-control-allow-methods', methods);
  headers.set('access-control-allow-headers', 'Authorization, Content-Type, Idempotency-Key, Last-Event-ID');
  headers.set('access-control-max-age', '600');
}
