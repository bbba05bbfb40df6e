/**
 * How a request to a registry comes by its `Authorization`: a challenge is answered with a token of the registry's token
 * service, or with the login itself. Source: distribution's "Token Authentication Specification" and "OAuth2 Token
 * Authentication".
 */
import type { RegistryError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Failed } from '../http/attempts.js';
import { type Answer, exchange } from '../http/exchange.js';
import { isWorthRetrying, retryAfterMs } from '../http/retry-after.js';
import type { Repository } from './address.js';
import type { Challenge } from './challenge.js';
import { askFor, type Credentials, type CredentialsFor } from './credentials.js';
import { strange, unreachable } from './errors.js';

/** A header's value, and until when it may be sent again, on the monotonic clock. */
export interface Authorization {
  readonly header: string;
  readonly untilMs: number;
}

export interface Scope {
  readonly repository: Repository;
  readonly signal: AbortSignal;
  readonly limitMs: number;
  /** The error for an aborted signal. */
  aborted(): RegistryError;
}

/** How long a login that is sent as it is stays in memory before it is asked for again. */
const LOGIN_KEPT_MS = 60_000;
/** Source: the specification: "If omitted, this defaults to 60 seconds". */
const TOKEN_DEFAULT_S = 60;

type Authorized = Result<Authorization, Failed<RegistryError>>;

/** Answers the best of the challenges that can be answered. */
export async function authorize(
  challenges: readonly Challenge[],
  credentialsFor: CredentialsFor,
  scope: Scope,
): Promise<Authorized> {
  const { registry } = scope.repository;
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters['realm']);
  const basic = challenges.find(({ scheme }) => scheme === 'basic');
  if (!bearer && !basic) {
    return final(strange(registry, 'no-challenge', 'wants a login and offers no way to log in that is known here'));
  }
  const asked = await askFor(credentialsFor, registry, scope);
  if (scope.signal.aborted) return final(scope.aborted());
  if (asked.isErr()) return final(asked.error);
  const credentials = asked.value;
  if (credentials && 'registryToken' in credentials) return kept(`Bearer ${credentials.registryToken}`, LOGIN_KEPT_MS);
  if (bearer) return fetchToken(bearer, credentials, scope);
  if (credentials && 'username' in credentials) return kept(basicHeader(credentials), LOGIN_KEPT_MS);
  return final(denied(registry, 'wants a login', `Give \`credentials\` for ${registry}: a user name and a password.`));
}

async function fetchToken(bearer: Challenge, credentials: Credentials | undefined, scope: Scope): Promise<Authorized> {
  const { repository, signal, limitMs } = scope;
  const { registry, path, origin } = repository;
  const { realm = '', service, scope: wanted = `repository:${path}:pull` } = bearer.parameters;
  if (!URL.canParse(realm)) return final(strange(registry, 'bad-realm', 'names a token service that is no URL'));
  const url = new URL(realm);
  // A login that was promised TLS is not sent without it because an answer says so.
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && origin.startsWith('http:'));
  if (!isSafe) return final(strange(registry, 'insecure-realm', 'names a token service without TLS'));
  const answer = await exchange({
    ...tokenRequest(url, credentials, { service, wanted }),
    // A fetch leaves the login behind where a GET is sent elsewhere; the body of a POST it would take along.
    redirect: credentials && 'identityToken' in credentials ? 'manual' : 'follow',
    limitMs,
    bodyLimitBytes: 1_048_576,
    signal,
  });
  if (answer.kind === 'aborted') return final(scope.aborted());
  if (answer.kind !== 'answer') return err({ error: unreachable(url.host, answer, limitMs), again: true });
  if (answer.status !== 200) return tokenRefused(registry, url.host, credentials !== undefined, answer);
  const token = tokenOf(answer);
  return token ?? final(strange(url.host, 'no-token', 'gives out no token'));
}

function tokenRequest(
  realm: URL,
  credentials: Credentials | undefined,
  { service, wanted }: { readonly service: string | undefined; readonly wanted: string },
) {
  const headers = { 'user-agent': 'Quayside', accept: 'application/json' };
  if (credentials && 'identityToken' in credentials) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credentials.identityToken,
      client_id: 'quayside',
      scope: wanted,
      ...(service === undefined ? {} : { service }),
    });
    return {
      method: 'POST' as const,
      url: realm,
      headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  // Several scopes of one challenge are several parameters.
  for (const each of wanted.split(' ').filter(Boolean)) url.searchParams.append('scope', each);
  const login = credentials && 'username' in credentials ? { authorization: basicHeader(credentials) } : {};
  return { method: 'GET' as const, url, headers: { ...headers, ...login } };
}

function tokenOf(answer: Answer): Authorized | undefined {
  let body: { token?: unknown; access_token?: unknown; expires_in?: unknown } | null;
  try {
    body = JSON.parse(new TextDecoder().decode(answer.body)) as typeof body;
  } catch {
    return undefined;
  }
  const token = body?.token ?? body?.access_token;
  // What no header can carry is no token; the error that fetch would throw shows it.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return undefined;
  const seconds = typeof body?.expires_in === 'number' && body.expires_in > 0 ? body.expires_in : TOKEN_DEFAULT_S;
  // A tenth less, so that it does not expire on its way.
  return kept(`Bearer ${token}`, seconds * 900);
}

function tokenRefused(registry: string, host: string, isLoggedIn: boolean, answer: Answer): Authorized {
  const { status } = answer;
  if (status === 400 || status === 401 || status === 403) {
    const hint = isLoggedIn
      ? `Check the credentials for ${registry}: user name, password or token.`
      : `Give \`credentials\` for ${registry}: it gives nothing to those without a login.`;
    return final(denied(registry, `gives no token (${host} answered ${status})`, hint, String(status)));
  }
  const waitMs = retryAfterMs(answer.headers);
  return err({
    error: {
      ...strange(host, String(status), `answered ${status} when asked for a token`),
      hint: `Look at the token service of ${registry}.`,
      retryable: isWorthRetrying(status),
    },
    again: isWorthRetrying(status),
    retryAfterMs: waitMs,
  });
}

const denied = (registry: string, what: string, hint: string, code = 'login-wanted'): RegistryError => ({
  kind: 'registry-denied',
  code,
  message: `The registry ${registry} ${what}.`,
  hint,
  retryable: false,
});

const basicHeader = ({ username, password }: { username: string; password: string }): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

const kept = (header: string, ms: number): Authorized => ok({ header, untilMs: performance.now() + ms });
const final = (error: RegistryError): Authorized => err({ error, again: false });
