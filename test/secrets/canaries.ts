/**
 * The canaries: secrets that are planted wherever a host can give one, and the search for them. The search knows nothing of the
 * product's redaction: its forms are written with Node's own encoders, and a piece of a secret counts like the whole.
 */
import { randomBytes } from 'node:crypto';

export interface Canary {
  readonly name: string;
  /** As it is configured. */
  readonly value: string;
  /** What of it is secret, where the whole has public parts. */
  readonly secret: string;
}

const word = (): string => randomBytes(18).toString('base64url');
/** What every encoder changes in its own way. */
const spiky = (): string => `${word()}/+&"<'ü\\ ${word()}`;

export function plant() {
  const password = `${word()}%2F${word()}`;
  const keyFile = `-----BEGIN KEY-----\n${word()}${word()}\n${word()}${word()}\n-----END KEY-----\n`;
  const canary = (name: string, value: string, secret = value): Canary => ({ name, value, secret });
  return {
    written: canary('a value of env', spiky()),
    marked: canary('a value that is marked', spiky()),
    asked: canary('what an env function answers', spiky()),
    command: canary('what a command prints', word()),
    keyFile: canary('a key file', keyFile, keyFile.split('\n').slice(1, 3).join('\n')),
    address: canary('an address with a password', `postgres://app:${password}@db:5432/shop`, password),
    override: canary('an override of a request', spiky()),
    login: canary('a header of the health check', `Bearer ${word()}`),
    registry: canary('the password at the registry', word()),
    proxy: canary('the password at the proxy', word()),
    token: canary('the token of the proxy', word()),
    webhook: canary('the address of a webhook', word()),
    signing: canary('the signing secret of a webhook', `whsec_${randomBytes(32).toString('base64')}`),
    header: canary('a header of a webhook', `Bearer ${word()}`),
    database: canary('the password of the database', word()),
    key: canary('the key that seals', randomBytes(32).toString('base64')),
    host: canary('the token of the host', word()),
    path: canary("the secret in a receiver's path", word()),
    sender: canary('the secret of a receiver', `whsec_${randomBytes(32).toString('base64')}`),
  } as const;
}

export type Canaries = ReturnType<typeof plant>;

/** A piece of this length is found, wherever in a secret it comes from. */
const PIECE = 14;

/** No needle is shorter: so many characters are hashed, and only where that hash is a needle's it is compared. */
const HASHED = 8;
const TABLE = 1 << 20;

/**
 * Everything that would give a canary away, with its name. There are thousands of needles and megabytes of text: it is read once, with a
 * hash that rolls (R. Karp, M. Rabin, "Efficient randomized pattern-matching algorithms", 1987).
 */
export class Search {
  readonly #needles = new Map<string, string[]>();
  readonly #names = new Map<string, string>();
  readonly #marks = new Uint8Array(TABLE);

  constructor(canaries: readonly Canary[]) {
    for (const { name, secret } of canaries) {
      for (const part of secret.split('\n').flatMap((line) => [line, line.replace(/^(Bearer |whsec_)/, '')])) {
        for (const needle of formsOf(part)) this.#add(needle, name);
        for (let at = 0; at + PIECE <= part.length; at += 1) this.#add(part.slice(at, at + PIECE), name);
      }
    }
  }

  /** Whose they are; a text is searched as it is, and as a terminal would have wrapped it. */
  in(text: string): string[] {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are taken out.
    const bare = text.replace(/\x1b\[[0-9;]*m/g, '').replace(/\n\s*│?\s*/g, '');
    return [...new Set([...this.#found(text), ...this.#found(bare)].map(({ name }) => name))];
  }

  /** Where the first one begins; -1: nowhere. */
  at(text: string): number {
    for (const { at } of this.#found(text)) return at;
    return -1;
  }

  #add(needle: string, name: string): void {
    const head = needle.slice(0, HASHED);
    this.#needles.set(head, [...(this.#needles.get(head) ?? []), needle]);
    this.#names.set(needle, name);
    let hash = 0;
    for (let at = 0; at < HASHED; at += 1) hash = (Math.imul(hash, BASE) + head.charCodeAt(at)) | 0;
    this.#marks[placeOf(hash)] = 1;
  }

  *#found(text: string): Generator<{ readonly name: string; readonly at: number }> {
    let hash = 0;
    for (let end = 0; end < text.length; end += 1) {
      const leaving = end < HASHED ? 0 : text.charCodeAt(end - HASHED);
      hash = (Math.imul(hash, BASE) + text.charCodeAt(end) - Math.imul(leaving, OUT)) | 0;
      if (this.#marks[placeOf(hash)] === 0 || end + 1 < HASHED) continue;
      const at = end + 1 - HASHED;
      for (const needle of this.#needles.get(text.slice(at, end + 1)) ?? [])
        if (text.startsWith(needle, at)) yield { name: this.#names.get(needle) ?? '', at };
    }
  }
}

const BASE = 0x01000193;
/** The weight of the character that leaves. */
const OUT = Array.from({ length: HASHED }).reduce<number>((weight) => Math.imul(weight, BASE), 1);
const placeOf = (hash: number): number => (hash ^ (hash >>> 15)) & (TABLE - 1);

/** As others write it. */
export function formsOf(secret: string): readonly string[] {
  const json = (text: string) => JSON.stringify(text).slice(1, -1);
  const escaped = encodeURIComponent(secret);
  const form = new URLSearchParams({ a: secret }).toString().slice(2);
  const html = (quotes: { readonly [char: string]: string }) =>
    secret.replace(/[&<>"']/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', ...quotes })[char] ?? char);
  // An attribute, a text node, and what a template engine makes of both.
  const pages = [{ '"': '&quot;', "'": '&#39;' }, {}, { '"': '&#34;', "'": '&#x27;' }].map(html);
  const ascii = json(secret).replace(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const hex = Buffer.from(secret).toString('hex');
  const base64 = [0, 1, 2].map((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)])
      .toString('base64')
      .replace(/=+$/, '');
    // The characters that its neighbours have a part in are left out.
    return whole.slice(shift === 0 ? 0 : shift + 1, -2);
  });
  const urls = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const forms = [secret, json(secret), json(json(secret)), ascii, escaped, escaped.toLowerCase(), form, ...pages];
  return [...new Set([...forms, hex, hex.toUpperCase(), ...base64, ...urls])].filter((each) => each.length >= HASHED);
}

/** What a careless server, driver or library says of what it was told. */
export function leakOf(canaries: readonly Canary[]): string {
  const forms = canaries.map(({ value }) =>
    [
      value,
      Buffer.from(`user:${value}`).toString('base64'),
      encodeURIComponent(value),
      JSON.stringify({ body: JSON.stringify({ value }) }),
      Buffer.from(value).toString('hex'),
      new URLSearchParams({ value }).toString(),
    ].join(' '),
  );
  return `The other side says: ${forms.join(' | ')}`;
}

/** As libraries throw it: the request and its login in fields, the text in the message, the stack and the causes. */
export function leakError(canaries: readonly Canary[]): Error {
  const text = leakOf(canaries);
  const request = new Request('http://127.0.0.1/x', {
    headers: { authorization: `Basic ${Buffer.from(`user:${canaries[0]?.value}`).toString('base64')}` },
  });
  const inner = Object.assign(new TypeError(text), {
    code: 'ECONNRESET',
    config: { auth: { password: text } },
    request,
  });
  const middle = new AggregateError([inner, text], text, { cause: inner });
  const outer = new Error(text, { cause: middle });
  Object.defineProperty(outer, 'response', { value: { body: text, bytes: Buffer.from(text) }, enumerable: true });
  Object.defineProperty(outer, 'hidden', { value: text, enumerable: false });
  return outer;
}
