/** Stateless tokens, as the product's: old ones stay valid, and what is wrong with one is told in odd ways. */
import { createHmac, randomBytes } from 'node:crypto';

export type TokenState =
  | { readonly kind: 'good'; readonly user: number }
  | { readonly kind: 'none' | 'expired' | 'garbage' };

export class Tokens {
  #key = randomBytes(32);
  #notBeforeMs = 0;
  #issued = 0;
  lifeMs: number;

  constructor(lifeMs: number) {
    this.lifeMs = lifeMs;
  }

  get issued(): number {
    return this.#issued;
  }

  issue(user: number): { readonly token: string; readonly expires: string } {
    this.#issued += 1;
    const now = Date.now();
    const payload = Buffer.from(
      JSON.stringify({ user, from: now, until: now + this.lifeMs, n: this.#issued }),
    ).toString('base64url');
    return { token: `${payload}.${this.#sign(payload)}`, expires: new Date(now + this.lifeMs).toISOString() };
  }

  state(authorization: string | undefined): TokenState {
    const [scheme, token = ''] = (authorization ?? '').split(' ');
    if (scheme !== 'Bearer' || !token) return { kind: 'none' };
    const [payload = '', signature] = token.split('.');
    if (signature !== this.#sign(payload)) return { kind: 'garbage' };
    const { user, from, until } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
      user: number;
      from: number;
      until: number;
    };
    if (Date.now() >= until || from < this.#notBeforeMs) return { kind: 'expired' };
    return { kind: 'good', user };
  }

  /** As if all that were given out had come to their end. */
  expireAll(): void {
    this.#notBeforeMs = Date.now() + 1;
    while (Date.now() < this.#notBeforeMs);
  }

  /** As after a restart with new keys: nothing that was given out is known any more. */
  changeKeys(): void {
    this.#key = randomBytes(32);
  }

  #sign(payload: string): string {
    return createHmac('sha256', this.#key).update(payload).digest('base64url');
  }
}
