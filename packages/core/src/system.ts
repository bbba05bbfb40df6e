/**
 * The default Clock, Ids and Sealer, over the globals that every current JavaScript host has. The one file of the core that touches
 * them: everywhere else they come in through ports, so that a test can own them.
 */
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { failure, type Issue } from './domain/errors.js';
import { BASE32, hashText } from './domain/hash.js';
import { once } from './domain/once.js';
import type { Clock, Ids } from './ports/clock.js';
import type { Sealer, SealerError } from './ports/sealer.js';

export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    after(ms, callback, isAwaited) {
      // A longer delay than 2^31-1 would fire at once.
      const timer = setTimeout(callback, Math.min(Math.max(0, ms), 2_147_483_647));
      // Only Node keeps a process alive for a timer, and only there can it be told not to: elsewhere it is a number.
      if (!isAwaited) (timer as { unref?(): void }).unref?.();
      return () => clearTimeout(timer);
    },
  };
}

/** Ten characters of time, eight of randomness (40 bits); within a millisecond the random part counts up. */
export function systemIds(): Ids {
  let lastMs = 0;
  let tail = 0n;
  return {
    random: () => {
      const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
      return word / 4_294_967_296;
    },
    next(nowMs) {
      if (nowMs > lastMs) {
        lastMs = nowMs;
        // The top bit stays free, so that counting up never overflows into the time.
        tail = crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n;
        tail &= (1n << 39n) - 1n;
      } else tail += 1n;
      return base32(BigInt(Math.floor(lastMs)), 10) + base32(tail, 8);
    },
  };
}

function base32(value: bigint, length: number): string {
  let out = '';
  for (let rest = value; out.length < length; rest >>= 5n) out = BASE32[Number(rest & 31n)] + out;
  return out;
}

/**
 * AES-256-GCM over web crypto. The first key seals, every one opens, so that a key can be changed without losing what the old
 * one sealed. A sealed text is `1.{key}.{iv}.{ciphertext}`, in base64url; its context is authenticated with it.
 *
 * @param keys each 32 random bytes, in base64 or hex: `openssl rand -base64 32`
 */
export function aesSealer(keys: readonly string[], at = 'secrets.keys'): Result<Sealer, readonly Issue[]> {
  const issues: Issue[] = [];
  const raw = keys.map((key, index) => {
    const bytes = bytesOf(key);
    if (bytes?.length === 32) return bytes;
    const expected = "32 random bytes in base64 or hex, as 'openssl rand -base64 32' prints them";
    issues.push({ path: `${at}[${index}]`, expected, received: bytes ? `${bytes.length} bytes` : 'another text' });
    return new Uint8Array(32);
  });
  if (keys.length === 0) issues.push({ path: at, expected: 'at least one key', received: 'none' });
  if (issues.length > 0) return err(issues);
  const known = raw.map((bytes) => ({
    id: hashText(Array.from(bytes).join()).slice(0, 8),
    aes: once(() => crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])),
    hmac: once(() => crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])),
  }));
  const [first] = known;
  if (!first) return err(issues);

  return ok({
    seal: (value, context) =>
      attempt(context, async () => {
        const iv = crypto.getRandomValues(new Uint8Array(12));
        const sealed = await crypto.subtle.encrypt(
          { name: 'AES-GCM', iv, additionalData: utf8(context) },
          await first.aes(),
          utf8(value),
        );
        return `1.${first.id}.${base64url(iv)}.${base64url(new Uint8Array(sealed))}`;
      }),
    open: (text, context) =>
      attempt(context, async () => {
        const [version, id, iv, sealed] = text.split('.');
        const key = known.find((each) => each.id === id);
        const nonce = bytesOf(iv ?? '');
        const body = bytesOf(sealed ?? '');
        if (version !== '1' || !key || !nonce || !body) throw new Error('no key that fits');
        const opened = await crypto.subtle.decrypt(
          { name: 'AES-GCM', iv: nonce, additionalData: utf8(context) },
          await key.aes(),
          body,
        );
        return new TextDecoder().decode(opened);
      }),
    secrets: () => keys,
    isCurrent: (text) => text.startsWith(`1.${first.id}.`),
    fingerprint: (text) =>
      attempt('fingerprint', async () =>
        base64url(new Uint8Array(await crypto.subtle.sign('HMAC', await first.hmac(), utf8(text)))),
      ),
  });
}

const attempt = <T>(context: string, work: () => Promise<T>): ResultAsync<T, SealerError> =>
  ResultAsync.fromThrowable(work, (cause) =>
    failure(
      'secret-unreadable',
      `What was sealed for ${context} cannot be opened with this host's keys.`,
      'Give `secrets.keys` the key that it was sealed with.',
      { cause },
    ),
  )();

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;

const base64url = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

function bytesOf(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text))
    return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '')), (char) =>
      char.charCodeAt(0),
    );
  } catch {
    return undefined;
  }
}
