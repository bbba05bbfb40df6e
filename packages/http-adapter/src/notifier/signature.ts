/** The headers of Standard Webhooks 1.0: who sent it, when, and that nobody has changed it since. */

const PREFIX = 'whsec_';

/** What a secret has to be: `whsec_` (which may be left out) and 24 to 64 bytes in base 64. */
export function isSigningSecret(text: string): boolean {
  const encoded = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded) || encoded.length % 4 !== 0) return false;
  const { length } = Buffer.from(encoded, 'base64');
  return length >= 24 && length <= 64;
}

/**
 * @param secrets several while one replaces another: the receiver is content with any
 * @param id the same for every attempt: a receiver drops what it has seen
 * @param at of this attempt: a receiver refuses what is older than five minutes
 */
export async function signedHeaders(
  secrets: readonly string[],
  { id, body, at }: { readonly id: string; readonly body: string; readonly at: Date },
): Promise<Record<string, string>> {
  const headers = { 'webhook-id': id, 'webhook-timestamp': String(Math.floor(at.getTime() / 1000)) };
  if (secrets.length === 0) return headers;
  const { Webhook } = await import('standardwebhooks');
  const signatures = secrets.map((secret) => new Webhook(secret).sign(id, at, body));
  return { ...headers, 'webhook-signature': signatures.join(' ') };
}
