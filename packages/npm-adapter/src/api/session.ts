/**
 * Our login, and the token that comes of it: asked for once however many call, renewed before it ends, thrown away when the
 * API no longer knows it.
 *
 *   none ──POST /tokens──▶ fresh ──most of its life over──▶ stale ──GET /tokens──▶ fresh
 *     ▲                                                       │
 *     └──────────── dropped, ended, not renewed ──────────────┘
 */
import { type ProxyError, secretMemory } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import { closedError, loginRefused, notNpm, notSetUp, twoFactor } from '../errors.js';
import { type Exchange, exchange, type Lost, type Reply } from './exchange.js';
import { errorText, lostError } from './verdict.js';

export interface SessionOptions {
  readonly api: URL;
  /** For people. */
  readonly url: string;
  readonly identity: string;
  readonly secret: string;
  readonly answerTimeoutMs: number;
  /** Ends a login on its way. */
  readonly closing: AbortSignal;
}

export interface Session {
  /** A token that should be good. Whoever comes while it is being asked for waits for the same answer. */
  token(): Promise<Result<string, ProxyError>>;
  /** The API does not know this token any more: the next call logs in again. */
  drop(token: string): void;
  /** The password, and the tokens that came of it. */
  secrets(): string[];
}

interface Token {
  readonly text: string;
  /** On our monotonic clock, from the lifetime that the server gave: its wall clock may be another than ours. */
  readonly renewAtMs: number;
  readonly endsAtMs: number;
}

const TokenBody = z.looseObject({ token: z.string().min(1), expires: z.string().optional() });
const ChallengeBody = z.looseObject({ requires_2fa: z.literal(true) });
const HealthBody = z.looseObject({ status: z.string(), setup: z.boolean().optional() });

/** The product's own default; assumed where an answer does not say. */
const LIFETIME_MS = 86_400_000;

export function openSession(options: SessionOptions): Session {
  const { api, url, identity, secret, answerTimeoutMs: limitMs, closing } = options;
  let current: Token | undefined;
  const known = secretMemory(10);
  let asking: Promise<Result<string, ProxyError>> | undefined;

  const ask = (request: Pick<Exchange, 'method' | 'token' | 'body'>, path: string) =>
    exchange({ ...request, url: new URL(path, api), limitMs, signal: closing });

  const keep = (reply: Reply): string | undefined => {
    const parsed = TokenBody.safeParse(reply.body);
    if (reply.status !== 200 || !parsed.success) return undefined;
    const { token, expires } = parsed.data;
    const lifeMs = Date.parse(expires ?? '') - (reply.serverNow ?? Date.now());
    const forMs = Number.isNaN(lifeMs) ? LIFETIME_MS : Math.max(1_000, lifeMs);
    known.add(token);
    const nowMs = performance.now();
    // The server tells its time in whole seconds: the one that had begun may be over.
    current = { text: token, renewAtMs: nowMs + (forMs - 1_000) * 0.8, endsAtMs: nowMs + forMs };
    return token;
  };

  const renew = async (old: Token): Promise<string | undefined> => {
    const reply = await ask({ method: 'GET', token: old.text }, 'tokens');
    return reply.kind === 'reply' ? keep(reply) : undefined;
  };

  const logIn = async (): Promise<Result<string, ProxyError>> => {
    const reply = await ask({ method: 'POST', token: null, body: { identity, secret } }, 'tokens');
    if (closing.aborted) return err(closedError());
    if (reply.kind === 'lost') return err(lostError(url, reply));
    const token = keep(reply);
    if (token !== undefined) return ok(token);
    if (reply.status === 200 && ChallengeBody.safeParse(reply.body).success) return err(twoFactor(url));
    return err(await whyNot(reply));
  };

  const whyNot = async (reply: Reply): Promise<ProxyError> => {
    const text = errorText(reply);
    if (text === undefined) return notNpm(url, `a login is answered with ${reply.status}`);
    const health = await ask({ method: 'GET', token: null }, '');
    const parsed = health.kind === 'reply' ? HealthBody.safeParse(health.body) : undefined;
    if (parsed?.success && parsed.data.setup === false) return notSetUp(url);
    return reply.status >= 500 ? lostError(url, failedWithin(text)) : loginRefused(url, text);
  };

  return {
    async token() {
      if (closing.aborted) return err(closedError());
      const nowMs = performance.now();
      if (current && nowMs < current.renewAtMs) return ok(current.text);
      asking ??= (async () => {
        const old = current;
        current = undefined;
        const renewed = old && nowMs < old.endsAtMs ? await renew(old) : undefined;
        return renewed === undefined ? logIn() : ok(renewed);
      })().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    drop(token) {
      if (current?.text === token) current = undefined;
    },
    secrets: () => [secret, ...known.all()],
  };
}

const failedWithin = (text: string): Lost => ({ kind: 'lost', how: 'broken', code: '500', text, wasSent: false });
