/**
 * Visitors of a sticky route stay with the target that answered them first, by a cookie of the session. Its value is a hash of the
 * instance's name, the same at every server: a visitor is not told which instance serves, and can choose no other than the route has.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export const STAY_COOKIE = 'quayside-stay';

/** What is asked of a target here. */
export interface Stayable {
  /** Null where the route is not sticky. */
  readonly token: string | null;
  readonly weight: number;
}

interface Stay<T extends Stayable> {
  readonly isSticky: boolean;
  readonly backends: readonly T[];
}

/** Of 16 characters: two targets of a route have another one. */
export const stayToken = (instance: string): string =>
  createHash('sha256').update(instance).digest('base64url').slice(0, 16);

const COOKIE = new RegExp(`(?:^|;)\\s*${STAY_COOKIE}=([\\w-]{16})\\s*(?:;|$)`);

/** What the visitor says of an earlier answer. */
const saidToken = ({ headers: { cookie } }: IncomingMessage): string | undefined =>
  cookie === undefined ? undefined : COOKIE.exec(cookie)?.[1];

/** The target that answered this visitor before, as long as it is to be sent any request. */
export function stayingWith<T extends Stayable>(route: Stay<T>, request: IncomingMessage): T | undefined {
  if (!route.isSticky) return undefined;
  const token = saidToken(request);
  return token === undefined ? undefined : route.backends.find((each) => each.token === token && each.weight > 0);
}

/** What an answer has to say to keep the visitor; undefined where the route is not sticky, or the visitor says it already. */
export function stayCookie({ token }: Stayable, request: IncomingMessage): string | undefined {
  if (token === null || saidToken(request) === token) return undefined;
  return `${STAY_COOKIE}=${token}; Path=/; HttpOnly; SameSite=Lax`;
}
