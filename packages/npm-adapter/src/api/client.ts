/**
 * Requests under our login. What a dead token may have caused is asked again once under a new one; what was read over a broken
 * connection is read again. What became of a write that was not answered is left to the caller, who can look.
 */
import { aborted, type ProxyError, pause, untilAborted } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { backendFailed, closedError, gatewayError, invalidRequest, notNpm, notPermitted } from '../errors.js';
import { type Exchange, exchange, type Lost, type Reply } from './exchange.js';
import type { Session } from './session.js';
import { errorText, lostError, verdictOf } from './verdict.js';

export interface ApiRequest {
  readonly method: Exchange['method'];
  /** After the base, e.g. `nginx/proxy-hosts?query=x`. */
  readonly path: string;
  readonly body?: unknown;
  /** Where it may take longer than others, or less long. */
  readonly limitMs?: number;
  /** For errors: `Putting shop.example.com`, and the domain it is about. */
  readonly what: string;
  readonly domain: string;
}

/** Under what a request runs: the caller's signal, and the time that is left. */
export interface Limits {
  readonly signal: AbortSignal;
  leftMs(): number;
}

/** Why a request brought nothing. */
export type ApiFault =
  | { readonly kind: 'missing' }
  | { readonly kind: 'in-use'; readonly message: string }
  /** It did not happen. */
  | { readonly kind: 'refused'; readonly error: ProxyError }
  /** A write that may have happened: look. `canRepeat`: the same again is worth a try. `detail` is its reason in few words. */
  | { readonly kind: 'unclear'; readonly error: ProxyError; readonly canRepeat: boolean; readonly detail: string };

export interface ApiClient {
  request(request: ApiRequest, limits: Limits): Promise<Result<unknown, ApiFault>>;
}

/** A read goes three ways; a reload of the nginx before the API is over in a moment. */
const READ_PAUSES_MS = [50, 200];

export function apiClient(options: {
  readonly api: URL;
  readonly url: string;
  readonly answerTimeoutMs: number;
  readonly session: Session;
  readonly closing: AbortSignal;
}): ApiClient {
  const { api, url, answerTimeoutMs, session, closing } = options;

  const send = (request: Omit<ApiRequest, 'what' | 'domain'>, token: string, limits: Limits): Promise<Reply | Lost> =>
    exchange({
      method: request.method,
      url: new URL(request.path, api),
      token,
      ...(request.body === undefined ? {} : { body: request.body }),
      limitMs: Math.max(1, Math.ceil(Math.min(request.limitMs ?? answerTimeoutMs, limits.leftMs()))),
      signal: limits.signal,
    });

  const read = async (request: ApiRequest, token: string, limits: Limits): Promise<Reply | Lost> => {
    for (const pauseMs of READ_PAUSES_MS) {
      const reply = await send(request, token, limits);
      const isWorthIt =
        reply.kind === 'lost' ? reply.how === 'broken' && reply.wasSent : verdictOf(reply) === 'gateway';
      if (!isWorthIt || limits.leftMs() < pauseMs) return reply;
      await pause(pauseMs, limits.signal);
    }
    return send(request, token, limits);
  };

  /** Where nobody says that the token is bad, it is not: then the answer meant what it said. */
  const isTokenBad = async (token: string, limits: Limits): Promise<boolean> => {
    const reply = await send({ method: 'GET', path: 'users/me' }, token, limits);
    return reply.kind === 'reply' && !['good', 'gateway', 'foreign'].includes(verdictOf(reply));
  };

  const faultOf = (reply: Reply | Lost, request: ApiRequest, isWrite: boolean): ApiFault => {
    if (reply.kind === 'lost') {
      if (closing.aborted) return { kind: 'refused', error: closedError() };
      const error = reply.how === 'aborted' ? aborted(request.what) : lostError(url, reply);
      if (!isWrite || !reply.wasSent) return { kind: 'refused', error };
      return { kind: 'unclear', error, canRepeat: reply.how === 'broken', detail: reply.text };
    }
    const text = errorText(reply) ?? '';
    switch (verdictOf(reply)) {
      case 'missing':
        return { kind: 'missing' };
      case 'in-use':
        return { kind: 'in-use', message: text };
      case 'invalid':
        return { kind: 'refused', error: invalidRequest(request.domain, text) };
      case 'gateway': {
        const error = gatewayError(url, reply.status);
        const detail = `its API is not there (${reply.status})`;
        return isWrite ? { kind: 'unclear', error, canRepeat: true, detail } : { kind: 'refused', error };
      }
      case 'expired':
      case 'ambiguous': {
        if (reply.status < 500) return { kind: 'refused', error: notPermitted(url, request.what) };
        const detail = text || String(reply.status);
        const error = backendFailed(request.domain, detail);
        return isWrite ? { kind: 'unclear', error, canRepeat: true, detail } : { kind: 'refused', error };
      }
      case 'good':
      case 'foreign':
        return { kind: 'refused', error: notNpm(url, `${request.method} is answered with ${reply.status}`) };
    }
  };

  return {
    async request(request, limits) {
      const isWrite = request.method !== 'GET';
      for (let attempt = 1; ; attempt += 1) {
        // The login goes on for those who wait for it too.
        const token = await untilAborted<Result<string, ProxyError> | undefined>(
          session.token(),
          limits.signal,
          () => undefined,
        );
        if (token === undefined) return err({ kind: 'refused', error: aborted(request.what) });
        if (token.isErr()) return err({ kind: 'refused', error: token.error });
        const reply = await (isWrite ? send : read)(request, token.value, limits);
        const verdict = reply.kind === 'reply' ? verdictOf(reply) : undefined;
        if (reply.kind === 'reply' && verdict === 'good') return ok(reply.body);
        const isSuspect = verdict === 'expired' || (verdict === 'ambiguous' && (await isTokenBad(token.value, limits)));
        if (!isSuspect || attempt > 1) return err(faultOf(reply, request, isWrite));
        session.drop(token.value);
      }
    },
  };
}
