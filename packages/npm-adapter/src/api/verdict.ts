/** What an answer of the API means: the status alone says little, and sometimes lies. */
import { type ProxyError, timedOut } from '@quayside/core/ports';
import { z } from 'zod';
import { unreachable } from '../errors.js';
import type { Lost, Reply } from './exchange.js';

const ErrorBody = z.looseObject({ error: z.looseObject({ message: z.string() }) });

/** The API's own words; undefined where what answered is not the API. */
export function errorText(reply: Reply): string | undefined {
  const parsed = ErrorBody.safeParse(reply.body);
  return parsed.success ? parsed.data.error.message.replace(/\s+/g, ' ').trim() : undefined;
}

export type Verdict =
  | 'good'
  /** There is no such host. */
  | 'missing'
  /** A token that ended. */
  | 'expired'
  /** A bad token, no permission, or what it says: `GET /users/me` can tell. */
  | 'ambiguous'
  /** The values were refused. */
  | 'invalid'
  /** The domain is another's. */
  | 'in-use'
  /** Answered by what stands before the API. */
  | 'gateway'
  | 'foreign';

export function verdictOf(reply: Reply): Verdict {
  const { status } = reply;
  if (status >= 200 && status < 300) return reply.body === undefined ? 'foreign' : 'good';
  const text = errorText(reply);
  if (text === undefined) return [502, 503, 504].includes(status) ? 'gateway' : 'foreign';
  // A path in the message is how a missing permission, or a missing token, is told; a bare number is a missing host.
  if (status === 404) return /^Not Found - \d+$/.test(text) ? 'missing' : 'ambiguous';
  if (status === 400 && /token has expired/i.test(text)) return 'expired';
  if (status === 400 && /already in use/i.test(text)) return 'in-use';
  if (status === 401 || status === 403 || status >= 500) return 'ambiguous';
  return 'invalid';
}

export function lostError(url: string, lost: Lost): ProxyError {
  if (lost.how === 'timeout')
    return {
      ...timedOut(`Nginx Proxy Manager at ${url}`, 0),
      message: `Nginx Proxy Manager at ${url} gives ${lost.text}.`,
    };
  return unreachable(url, lost.text, lost.code, lost.wasSent);
}
