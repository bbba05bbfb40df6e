/**
 * Redaction: secrets are replaced in every text that leaves a deployment, in the forms in which they get about (`secret-forms.ts`).
 *
 * Very short values are left alone, and so are those that are public anyway because the spec says them openly: its port, its names.
 */
import type { Json } from '../domain/json.js';
import { formsOf, SECRET_LENGTH_MIN } from './secret-forms.js';

export const REDACTED = '***';
/** Where a text was cut amid a secret that is longer than this, so much of it is enough to know it by. */
const CUT_LENGTH_MIN = 10;

export interface Redactor {
  text(text: string): string;
  json<T extends Json>(value: T): T;
}

/** @param formsFor how each may be written; a host that redacts often keeps what it has made of them */
export function redactor(
  secrets: Iterable<string>,
  openly: Iterable<string> = [],
  formsFor: (secret: string) => readonly string[] = formsOf,
): Redactor {
  const known = new Set(openly);
  const meant = [...new Set(secrets)].filter((secret) => secret.length >= SECRET_LENGTH_MIN && !known.has(secret));
  // The longest first: one secret may contain another.
  const ordered = [...new Set(meant.flatMap(formsFor))].sort((a, b) => b.length - a.length);
  // Of an address the ends are public.
  const long = meant.filter((secret) => secret.length > CUT_LENGTH_MIN && !secret.includes('://'));
  // Hardly any text has one in it.
  const text = (input: string): string => {
    if (input.length < SECRET_LENGTH_MIN) return input;
    const whole = ordered.some((form) => input.includes(form))
      ? ordered.reduce((out, form) => out.replaceAll(form, REDACTED), input)
      : input;
    return long.reduce(withoutCut, whole);
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

/** A line that was cut by its length, at its end or as the beginning of the next one, may hold half a secret. */
function withoutCut(text: string, secret: string): string {
  const head = secret.slice(0, CUT_LENGTH_MIN);
  const from = text.lastIndexOf(head);
  const isCutOff = from > text.length - secret.length && secret.startsWith(text.slice(from));
  const kept = from !== -1 && isCutOff ? text.slice(0, from) + REDACTED : text;
  const tail = secret.slice(-CUT_LENGTH_MIN);
  const to = kept.indexOf(tail) + CUT_LENGTH_MIN;
  const isRest = to >= CUT_LENGTH_MIN && to < secret.length && secret.endsWith(kept.slice(0, to));
  return isRest ? REDACTED + kept.slice(to) : kept;
}
