/**
 * The forms in which a secret gets about: as it is, line by line, and as JSON, URLs, HTML, shells, base 64 and hex write it. What encodes a
 * secret with something in front of it (`Basic` of `user:password`) shifts base 64 by one byte or two: each of the three has its own form.
 */

/** Values shorter than this are not redacted: a secret `1` would blacken every log. */
export const SECRET_LENGTH_MIN = 4;
/** A line of a secret of several (a key file) is printed alone. */
const LINE_LENGTH_MIN = 8;
/** What is left of base 64 whose neighbours are not known: shorter ones stand in many a word. */
const SHIFTED_LENGTH_MIN = 8;

/** Without duplicates, and none shorter than `SECRET_LENGTH_MIN`. */
export function formsOf(secret: string): readonly string[] {
  const forms = new Set<string>();
  for (const part of partsOf(secret)) {
    forms.add(part);
    for (const write of WRITERS) forms.add(write(part));
    for (const form of percentForms(part)) forms.add(form);
    for (const form of byteForms(part)) forms.add(form);
  }
  return [...forms].filter((form) => form.length >= SECRET_LENGTH_MIN);
}

/** The whole, what a program prints of it without outer space, its lines, and the password of an address. */
function partsOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/);
  return [
    secret,
    secret.trim(),
    ...(lines.length > 1 ? lines.map((line) => line.trim()).filter((line) => line.length >= LINE_LENGTH_MIN) : []),
    ...passwordsOf(secret),
  ].filter((part) => part.length >= SECRET_LENGTH_MIN);
}

/** `postgres://app:password@db/shop`: a driver that is refused prints the password alone. */
function passwordsOf(secret: string): string[] {
  const found = /^[a-z][a-z0-9+.-]*:\/\/[^/@\s]*?:([^@\s]+)@/i.exec(secret.trim())?.[1];
  if (found === undefined) return [];
  try {
    return [found, decodeURIComponent(found)];
  } catch {
    return [found];
  }
}

const json = (text: string): string => JSON.stringify(text).slice(1, -1);
const html = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const WRITERS: readonly ((text: string) => string)[] = [
  json,
  // JSON within JSON: a log line that holds a body.
  (text) => json(json(text)),
  // What writes JSON in ASCII alone.
  (text) => json(text).replace(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`),
  (text) => text.replace(/["$`\\]/g, '\\$&'),
  (text) => text.replaceAll("'", "\\'"),
  (text) => text.replaceAll("'", "'\\''"),
  html,
  (text) => html(text).replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
  (text) => html(text).replaceAll('"', '&#34;').replaceAll("'", '&#x27;'),
];

/** A lone surrogate cannot be encoded, and then nobody else can have encoded it either. */
function percentForms(text: string): string[] {
  try {
    const component = encodeURIComponent(text);
    const code = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
    const strict = component.replace(/[!'()*]/g, code);
    // As the URL Standard has it (`application/x-www-form-urlencoded`), and as older libraries do.
    const form = component.replace(/[!'()~]/g, code);
    const spaces = [component, strict, form].map((each) => each.replaceAll('%20', '+'));
    const forms = [encodeURI(text), component, strict, ...spaces];
    return forms.flatMap((each) => [each, each.replace(/%../g, (coded) => coded.toLowerCase())]);
  } catch {
    return [];
  }
}

function byteForms(text: string): string[] {
  const bytes = new TextEncoder().encode(text);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  const base64 = [0, 1, 2].flatMap((shift) => shiftedBase64(bytes, shift));
  return [
    hex.join(''),
    hex.join('').toUpperCase(),
    hex.join(' '),
    ...base64.flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]),
  ];
}

/** @param shift bytes in front of the secret within its group of three: their characters, and those that a follower would change, are left out */
function shiftedBase64(bytes: Uint8Array, shift: number): string[] {
  const whole = btoa('\0'.repeat(shift) + Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  const bare = whole.replace(/=+$/, '');
  const stable = bare.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + bytes.length) * 8) / 6));
  return shift === 0 ? [bare, stable] : stable.length >= SHIFTED_LENGTH_MIN ? [stable] : [];
}
