/** Requests to a registry: logged in where it wants that, tried again where that is worth it, bounded. */
import { aborted, type RegistryError, secretMemory } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { attempts, type Failed } from '../http/attempts.js';
import { type Answer, exchange } from '../http/exchange.js';
import { isWorthRetrying, retryAfterMs } from '../http/retry-after.js';
import type { Repository } from './address.js';
import { type Authorization, authorize, type Scope } from './authorization.js';
import { parseChallenges } from './challenge.js';
import type { CredentialsFor } from './credentials.js';
import { refusal, unreachable } from './errors.js';
import { Recent } from './recent.js';

export interface RegistryRequest {
  readonly repository: Repository;
  readonly method: 'GET' | 'HEAD';
  /** Path and query, from `/v2/` on. */
  readonly target: string;
  readonly headers: { readonly [name: string]: string };
  readonly bodyLimitBytes: number;
  /** For errors: `127.0.0.1:5000/shop:v1`. */
  readonly subject: string;
  /** Statuses that the caller makes something of, beside 200. */
  readonly expects?: readonly number[];
  readonly signal: AbortSignal;
}

export interface Client {
  ask(request: RegistryRequest): Promise<Result<Answer, RegistryError>>;
  /** Logins and tokens that it was given. */
  secrets(): string[];
  /** Forgets every token. */
  forget(): void;
}

export interface ClientOptions {
  readonly credentialsFor: CredentialsFor;
  readonly attempts: number;
  readonly timeoutMs: number;
  readonly totalMs: number;
}

/** Repositories whose tokens are kept. */
const KEPT_MAX = 500;

export function registryClient(options: ClientOptions): Client {
  const authorizations = new Recent<Authorization>(KEPT_MAX);
  const memory = secretMemory();
  const credentialsFor: CredentialsFor = async (registry, bounds) => {
    const given = await options.credentialsFor(registry, bounds);
    if (given) memory.add(...Object.entries(given).map(([name, value]) => (name === 'username' ? undefined : value)));
    return given;
  };

  const once = async (request: RegistryRequest, limitMs: number): Promise<Result<Answer, Failed<RegistryError>>> => {
    const { repository, signal } = request;
    const key = `${repository.registry}/${repository.path}`;
    const endMs = performance.now() + limitMs;
    const leftMs = () => Math.max(1, Math.ceil(endMs - performance.now()));
    const onAbort = () => aborted(`Asking the registry for ${request.subject}`, signal.reason);
    const scope: Scope = {
      repository,
      signal,
      get limitMs() {
        return leftMs();
      },
      aborted: onAbort,
    };
    const send = (authorization: Authorization | undefined) =>
      exchange({
        method: request.method,
        url: new URL(`${repository.origin}${request.target}`),
        headers: {
          'user-agent': 'Quayside',
          ...request.headers,
          ...(authorization ? { authorization: authorization.header } : {}),
        },
        redirect: 'follow',
        limitMs: leftMs(),
        bodyLimitBytes: request.bodyLimitBytes,
        signal,
      });

    const known = authorizations.get(key);
    let answer = await send(known && known.untilMs > performance.now() ? known : undefined);
    if (answer.kind === 'answer' && answer.status === 401) {
      // Not logged in yet, or what was known is not taken any more.
      authorizations.delete(key);
      const authorized = await authorize(
        parseChallenges(answer.headers.get('www-authenticate')),
        credentialsFor,
        scope,
      );
      if (authorized.isErr()) return err(authorized.error);
      memory.add(authorized.value?.header.replace(/^\S+ /, ''));
      answer = await send(authorized.value);
      if (answer.kind === 'answer' && answer.status !== 401) authorizations.set(key, authorized.value);
    }
    if (answer.kind === 'aborted') return err({ error: onAbort(), again: false });
    if (answer.kind !== 'answer') {
      return err({ error: unreachable(repository.registry, answer, limitMs), again: true });
    }
    if (answer.status === 200 || request.expects?.includes(answer.status)) return ok(answer);
    return err({
      error: refusal({ registry: repository.registry, subject: request.subject }, answer),
      again: isWorthRetrying(answer.status),
      retryAfterMs: retryAfterMs(answer.headers),
    });
  };

  return {
    ask: (request) =>
      attempts(
        {
          attempts: options.attempts,
          timeoutMs: options.timeoutMs,
          totalMs: options.totalMs,
          signal: request.signal,
        },
        (limitMs) => once(request, limitMs),
        () => aborted(`Asking the registry for ${request.subject}`, request.signal.reason),
      ),
    secrets: memory.all,
    forget: () => authorizations.clear(),
  };
}
