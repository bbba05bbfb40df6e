/** Comparing what came with what was agreed on. No answer's time depends on how much of it is right. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** Of one length whatever the texts are: their lengths do not show either. */
const hash = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Whether it is one of the secrets. All of them are looked at. */
export function isSecret(secrets: readonly string[], text: string | null | undefined): boolean {
  const given = hash(text ?? '');
  let found = false;
  for (const secret of secrets) found = timingSafeEqual(hash(secret), given) || found;
  return found && Boolean(text);
}

/** An `Authorization` that is the secret, bare or as a bearer's. */
export function isAuthorized(secrets: readonly string[], headers: Headers): boolean {
  const text = headers.get('authorization') ?? '';
  return isSecret(secrets, text.replace(/^bearer +/i, ''));
}

/** An HMAC-SHA256 of the body in hexadecimal digits, perhaps behind `sha256=`. */
export function isSigned(secrets: readonly string[], body: Uint8Array, text: string | null | undefined): boolean {
  const given = (text ?? '').replace(/^sha256=/, '').toLowerCase();
  return isSecret(
    secrets.map((secret) => createHmac('sha256', secret).update(body).digest('hex')),
    given,
  );
}

/** Source: Standard Webhooks 1.0. A timestamp more than five minutes from now is refused. */
const TOLERANCE_S = 300;

/**
 * The headers of Standard Webhooks. The library compares in constant time and takes lists of signatures; its clock is the system's, so the
 * timestamp is looked at here, by ours.
 */
export function isStandard(secrets: readonly string[], headers: Headers, body: Uint8Array, nowMs: number): boolean {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(
    (header) => headers.get(header) ?? '',
  ) as [string, string, string];
  // In the one spelling that a number has: its text is part of what was signed.
  if (!id || id.length > 256 || !/^[1-9]\d{0,11}$/.test(timestamp)) return false;
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > TOLERANCE_S) return false;
  // Every byte counts: a mark of byte order in front is no part of what was signed.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(body);
  const given = signatures.split(' ').slice(0, 20);
  let found = false;
  for (const secret of secrets) {
    const expected = new Webhook(secret).sign(id, new Date(Number(timestamp) * 1000), text);
    for (const signature of given) found = isSecret([expected], signature) || found;
  }
  return found;
}

/** `whsec_` and 24 to 64 bytes in base 64. */
export function isSigningSecret(text: string): boolean {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1] ?? '';
  const { length } = Buffer.from(encoded, 'base64');
  return encoded.length % 4 === 0 && length >= 24 && length <= 64;
}
