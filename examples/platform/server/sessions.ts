/**
 * Who asks: a script sends the token as `Authorization: Bearer …`, a browser a cookie that it got for it once.
 *
 * The cookie holds no token. It says who signed in and until when, with an HMAC under a key that is made of the token: so it needs
 * no memory and outlives a restart, and another token ends every session. No script of the page can read it (HttpOnly), and no other
 * site's page sends it along (SameSite=Strict); what changes something is asked for its origin all the same (@quayside/api-adapter).
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface Visitor {
  /** For the history. */
  readonly by: string;
}

export interface Sessions {
  /** Undefined: nobody who is known. */
  visitorOf(request: Request): Visitor | undefined;
  /** Whether it is the host's token; in constant time. */
  accepts(token: string): boolean;
  /** The `Set-Cookie` of somebody who has shown the token. */
  open(visitor: Visitor, request: Request): string;
  /** The `Set-Cookie` that takes it away. */
  close(request: Request): string;
}

const NAME = 'quayside-session';
const LASTS_S = 7 * 24 * 3_600;
/** Of a name that people give themselves. */
const NAME_MAX = 60;

export function sessions(token: string, now: () => number = Date.now): Sessions {
  const key = createHash('sha256').update('quayside session\0').update(token).digest();
  const seal = (payload: string) => createHmac('sha256', key).update(payload).digest('base64url');
  const isSame = (a: string, b: string) => timingSafeEqual(hashOf(a), hashOf(b));

  const byCookie = (request: Request): Visitor | undefined => {
    const [payload = '', signature = ''] = (cookieOf(request) ?? '').split('.');
    if (payload === '' || !isSame(seal(payload), signature)) return undefined;
    const { by, until } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { by: string; until: number };
    return until > now() ? { by } : undefined;
  };
  return {
    visitorOf(request) {
      const sent = /^bearer (.*)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
      if (sent === undefined) return byCookie(request);
      return isSame(sent, token) ? { by: 'token' } : undefined;
    },
    accepts: (sent) => isSame(sent, token),
    open({ by }, request) {
      const payload = Buffer.from(JSON.stringify({ by, until: now() + LASTS_S * 1_000 })).toString('base64url');
      return cookie(`${payload}.${seal(payload)}`, LASTS_S, request);
    },
    close: (request) => cookie('', 0, request),
  };
}

/** A name as a person may give it; what is none becomes the one of everybody. */
export function nameOf(given: unknown): string {
  if (typeof given !== 'string') return 'operator';
  const name = given
    .replace(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, NAME_MAX)
    .trim();
  return name === '' ? 'operator' : name;
}

/** Compared as hashes: of equal length. */
const hashOf = (text: string) => createHash('sha256').update(text).digest();

function cookieOf(request: Request): string | undefined {
  const all = (request.headers.get('cookie') ?? '').split(';').map((each) => each.trim());
  return all.find((each) => each.startsWith(`${NAME}=`))?.slice(NAME.length + 1);
}

function cookie(value: string, lastsS: number, request: Request): string {
  // What ends TLS in front of this host says so. Whoever lies about it makes a cookie that is sent over TLS only.
  const isSecure = new URL(request.url).protocol === 'https:' || request.headers.get('x-forwarded-proto') === 'https';
  return `${NAME}=${value}; Path=/; Max-Age=${lastsS}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
}
