/**
 * Redaction: secrets are replaced in every text that leaves a deployment, in the forms in which they get about: as they are, as
 * a JSON string, percent-encoded, in base 64 and in hex.
 *
 * Very short values are left alone (a secret `1` would blacken every log), and so are those that are public anyway because the spec says
 * them openly: its port, its names.
 */
import type { Json } from '../domain/json.js';

/** Values shorter than this are not redacted. */
export const SECRET_LENGTH_MIN = 4;
export const REDACTED = '***';

export interface Redactor {
  text(text: string): string;
  json<T extends Json>(value: T): T;
}

export function redactor(secrets: Iterable<string>, openly: Iterable<string> = []): Redactor {
  const known = new Set(openly);
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < SECRET_LENGTH_MIN || known.has(secret)) continue;
    for (const form of formsOf(secret)) if (form.length >= SECRET_LENGTH_MIN) forms.add(form);
  }
  // The longest first: one secret may contain another.
  const ordered = [...forms].sort((a, b) => b.length - a.length);
  // Hardly any text has one in it.
  const text = (input: string): string => {
    if (input.length < SECRET_LENGTH_MIN || !ordered.some((form) => input.includes(form))) return input;
    return ordered.reduce((out, form) => out.replaceAll(form, REDACTED), input);
  };
  const json = (value: Json): Json => {
    if (typeof value === 'string') return text(value);
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map(json);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [text(key), json(inner)]));
  };
  return ordered.length === 0
    ? { text: (input) => input, json: (value) => value }
    : { text, json: <T extends Json>(value: T) => json(value) as T };
}

function formsOf(secret: string): string[] {
  const forms = [secret, JSON.stringify(secret).slice(1, -1), percentEncoded(secret)];
  const bytes = new TextEncoder().encode(secret);
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  const bare = base64.replace(/=+$/, '');
  forms.push(bare, bare.replaceAll('+', '-').replaceAll('/', '_'));
  forms.push(Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));
  // Lines of a multi-line secret (a key file) are printed one by one.
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= 8);
  if (lines.length > 1) forms.push(...lines);
  return forms;
}

/** A lone surrogate cannot be encoded, and then nobody else can have encoded it either. */
function percentEncoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return text;
  }
}
