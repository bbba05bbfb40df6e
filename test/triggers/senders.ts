/** Sends a payload as its registry does: with its headers, its secret where it puts it, its signature. */
import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { Fixture, Kind } from './bench.js';

export const SECRET = 'correct-horse-battery-staple';
export const SIGNING_SECRET = `whsec_${Buffer.from('thirty two bytes of randomness !').toString('base64')}`;

export interface Sender {
  /** In the place of the body's own. */
  readonly body?: (body: never) => unknown;
  /** The bytes themselves. */
  readonly text?: string;
  /** What it is signed with, or its path ends in. */
  readonly secret?: string;
  /** `none`: it is not signed at all. `token`: of GitLab, the old way. */
  readonly signature?: 'none' | 'token' | 'own';
  /** What is added to the sender's clock. */
  readonly skewMs?: number;
  readonly headers?: { readonly [name: string]: string };
  /** What the sender calls the delivery; default: one of its own each time it is sent anew. */
  readonly delivery?: string;
  readonly method?: string;
  /** Another receiver's path. */
  readonly path?: string;
}

export const PATHS: { readonly [K in Kind]: string } = {
  'docker-hub': 'hub',
  ghcr: 'ghcr',
  gitlab: 'gitlab',
  harbor: 'harbor',
  quay: 'quay',
  gitea: 'gitea',
  distribution: 'registry',
  signed: 'ci',
};

let count = 0;

export async function signed(name: string, fixture: Fixture, sender: Sender, nowMs: number): Promise<Request> {
  const { source } = fixture;
  const body = sender.body ? sender.body(fixture.body as never) : fixture.body;
  const text = sender.text ?? JSON.stringify(body);
  count += 1;
  const delivery = sender.delivery ?? `${name}-${count}`;
  const secret = sender.secret ?? SECRET;
  const isUnsigned = sender.signature === 'none';
  const isInPath = (source === 'docker-hub' || source === 'quay') && !isUnsigned;
  const path = sender.path ?? `/hooks/${PATHS[source]}${isInPath ? `/${secret}` : ''}`;
  const headers = new Headers({ 'content-type': 'application/json', ...fixture.headers });
  const hmac = () => createHmac('sha256', secret).update(text).digest('hex');
  const standard = () => {
    const at = new Date(nowMs + (sender.skewMs ?? 0));
    headers.set('webhook-id', delivery);
    headers.set('webhook-timestamp', String(Math.floor(at.getTime() / 1000)));
    if (isUnsigned) return;
    const key = sender.secret ?? SIGNING_SECRET;
    headers.set('webhook-signature', new Webhook(key).sign(delivery, at, text));
  };
  if (source === 'signed') standard();
  if (source === 'ghcr') headers.set('x-github-delivery', delivery);
  if (source === 'gitea') headers.set('x-gitea-delivery', delivery);
  if (!isUnsigned) {
    if (source === 'ghcr') headers.set('x-hub-signature-256', `sha256=${hmac()}`);
    if (source === 'gitea') headers.set('x-gitea-signature', hmac());
    if (source === 'harbor') headers.set('authorization', secret);
    if (source === 'distribution') headers.set('authorization', `Bearer ${secret}`);
    if (source === 'gitlab') {
      if ('events' in (fixture.body as object)) headers.set('authorization', `Bearer ${secret}`);
      else if (sender.signature === 'own') standard();
      else headers.set('x-gitlab-token', secret);
    }
  }
  for (const [header, value] of Object.entries(sender.headers ?? {})) headers.set(header, value);
  const method = sender.method ?? 'POST';
  return new Request(`http://receiver.test${path}`, {
    method,
    headers,
    ...(method === 'GET' || method === 'HEAD' ? {} : { body: text }),
  });
}
