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
  } as const;
}

export type Canaries = ReturnType<typeof plant>;

/** A piece of this length is found, wherever in a secret it comes from. */
const PIECE = 14;

/** Everything that would give a canary away, with its name. */
export class Search {
  readonly #needles = new Map<string, string>();

  constructor(canaries: readonly Canary[]) {
    for (const { name, secret } of canaries) {
      for (const part of secret.split('\n').flatMap((line) => [line, line.replace(/^(Bearer |whsec_)/, '')])) {
        for (const needle of formsOf(part)) this.#needles.set(needle, name);
        for (let at = 0; at + PIECE <= part.length; at += 1) this.#needles.set(part.slice(at, at + PIECE), name);
      }
    }
  }

  /** Whose they are; a text is searched as it is, and as a terminal would have wrapped it. */
  in(text: string): string[] {
    const found = new Set<string>();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are taken out.
    const bare = text.replace(/\x1b\[[0-9;]*m/g, '').replace(/\n\s*│?\s*/g, '');
    for (const [needle, name] of this.#needles) if (text.includes(needle) || bare.includes(needle)) found.add(name);
    return [...found];
  }

  /** Where the first one begins; -1: nowhere. */
  at(text: string): number {
    const places = [...this.#needles.keys()].map((needle) => text.indexOf(needle)).filter((at) => at >= 0);
    return places.length === 0 ? -1 : Math.min(...places);
  }
}

/** As others write it. */
export function formsOf(secret: string): readonly string[] {
  const json = (text: string) => JSON.stringify(text).slice(1, -1);
  const escaped = encodeURIComponent(secret);
  const form = new URLSearchParams({ a: secret }).toString().slice(2);
  const html = secret.replace(
    /[&<>"']/g,
    (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[char] ?? char,
  );
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
  const forms = [secret, json(secret), json(json(secret)), ascii, escaped, escaped.toLowerCase(), form, html];
  return [...new Set([...forms, hex, hex.toUpperCase(), ...base64, ...urls])].filter((each) => each.length >= 8);
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
