/**
 * What an adapter needs of the core beside the types of its port: how to check its options, how to speak of time, and the
 * errors that every port shares. One entry point, `@quayside/core/ports`, has it all.
 */
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import { didYouMean } from '../domain/did-you-mean.js';
import { durationMs, sizeBytes } from '../domain/duration.js';
import type { InvalidError, Issue } from '../domain/errors.js';
import { quoted } from '../domain/quoted.js';

export { closest, didYouMean } from '../domain/did-you-mean.js';
export { durationMs, sizeBytes } from '../domain/duration.js';
export { describeEndpoint, matchEndpoint } from '../domain/endpoints.js';
export { aborted, bug, outcomeUnknown, QuaysideError, timedOut, unwrap } from '../domain/errors.js';
export { quoted } from '../domain/quoted.js';

type InvalidKind = 'invalid-config' | 'invalid-options' | 'invalid-request';

/** A field that takes `'10s'` or whole milliseconds, and answers milliseconds. */
export const duration = () =>
  z.union([z.string(), z.number()]).transform((value, context) => {
    const ms = durationMs(value);
    if (ms !== undefined) return ms;
    context.addIssue({
      code: 'custom',
      message: "expected a duration such as '500ms', '10s', '5m', '2h', '7d', or whole milliseconds",
    });
    return z.NEVER;
  });

/** A field that takes `'512m'` or a number of bytes, and answers bytes. */
export const size = () =>
  z.union([z.string(), z.number()]).transform((value, context) => {
    const bytes = sizeBytes(value);
    if (bytes !== undefined) return bytes;
    context.addIssue({ code: 'custom', message: "expected a size such as '512m' or '2g', or a number of bytes" });
    return z.NEVER;
  });

/**
 * Checks a value against a schema. The error lists every wrong field at once, with its path, what was expected and what came.
 *
 * @param at what the paths begin with, e.g. `dockerRuntime`
 *   A value whose path has a name like `secret`, `password`, `token`, `key`, `env` or `identity` in it is never shown.
 * @param words the names of fields that an unknown one may have been meant for; default: those of the schema itself
 */
export function check<Schema extends z.ZodType, Kind extends InvalidKind>(
  kind: Kind,
  schema: Schema,
  value: unknown,
  at: string,
  words: readonly string[] = wordsOf(schema),
): Result<z.output<Schema>, InvalidError<Kind>> {
  const parsed = schema.safeParse(value);
  const lost = protoKeys(value);
  if (lost.length > 0) {
    const expected = 'another name, as no object can have this one';
    return err(invalid(kind, [{ path: pathText(at, lost), expected, received: 'an own `__proto__`' }]));
  }
  if (parsed.success) return ok(parsed.data);
  const issues = flatten(parsed.error.issues.slice(0, ISSUES_MAX), { value, at, words });
  return err(invalid(kind, issues.slice(0, ISSUES_MAX)));
}

/** Nobody reads more; and of a small body that is wrong in a hundred thousand places no error of megabytes is made. */
const ISSUES_MAX = 100;

/**
 * Where a `__proto__` of its own is, as `JSON.parse` makes it: zod leaves it out without a word, and what somebody has asked for would not
 * be there. Empty: nowhere.
 */
function protoKeys(root: unknown): readonly PropertyKey[] {
  // In a list of its own and not by calls: a body of a hundred thousand brackets is as deep.
  const waiting: Visited[] = [{ value: root, key: '', parent: undefined }];
  const seen = new Set<unknown>();
  for (let at = waiting.pop(); at; at = waiting.pop()) {
    const { value } = at;
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    const isList = Array.isArray(value);
    if (!isList && Object.getPrototypeOf(value) !== Object.prototype) continue;
    if (Object.hasOwn(value, '__proto__')) return [...pathOf(at), '__proto__'];
    for (const [key, inner] of Object.entries(value))
      if (typeof inner === 'object') waiting.push({ value: inner, key: isList ? Number(key) : key, parent: at });
  }
  return [];
}

interface Visited {
  readonly value: unknown;
  readonly key: PropertyKey;
  readonly parent: Visited | undefined;
}

function pathOf(visited: Visited): PropertyKey[] {
  const path: PropertyKey[] = [];
  for (let at: Visited | undefined = visited; at?.parent; at = at.parent) path.unshift(at.key);
  return path.slice(0, PATH_MAX);
}

/** What is deeper is not told of by its whole path. */
const PATH_MAX = 50;

const wordsOf = (schema: z.ZodType): string[] => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : []);

/** The error for a list of wrong fields. */
export function invalid<Kind extends InvalidKind>(kind: Kind, issues: readonly Issue[]): InvalidError<Kind> {
  const lines = issues.map((issue) => `${issue.path}: expected ${issue.expected}, got ${issue.received}`);
  return {
    kind,
    message: `${OPENING[kind]} ${lines.join('; ')}.`,
    hint: `Correct ${issues.map((issue) => `\`${issue.path}\``).join(', ')}.`,
    retryable: false,
    issues,
    details: { issues: issues.map((issue) => ({ ...issue })) },
  };
}

const OPENING = {
  'invalid-config': 'The configuration is not usable.',
  'invalid-options': 'The options are not usable.',
  'invalid-request': 'The request is not usable.',
} as const;

const looksSecret = (path: readonly PropertyKey[]): boolean =>
  path.some((part) =>
    /secret|passw|token|credential|keys?$|^env$|identity|authorization|cookie|connectionString/i.test(String(part)),
  );

type ZodIssues = readonly z.core.$ZodIssue[];

interface Input {
  readonly value: unknown;
  readonly at: string;
  readonly words: readonly string[];
}

function flatten(issues: ZodIssues, input: Input): Issue[] {
  const { value, at, words } = input;
  return issues.flatMap((issue) => {
    // Of a union, the branch that understood most of the value knows best what was meant.
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const best = [...issue.errors].sort((a, b) => depth(b) - depth(a) || a.length - b.length)[0] ?? [];
      if (depth(best) > 0) {
        const inner = best.map((each) => ({ ...each, path: [...issue.path, ...each.path] }));
        return flatten(inner as ZodIssues, input);
      }
    }
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.slice(0, ISSUES_MAX).map((key) => ({
        path: pathText(at, [...issue.path, key]),
        expected: `a known field${didYouMean(key, words)}`,
        received: 'an unknown one',
      }));
    }
    const found = lookUp(value, issue.path);
    return [
      {
        path: pathText(at, issue.path),
        expected: expectation(issue),
        received: show(found, looksSecret(issue.path)),
      },
    ];
  });
}

const depth = (issues: ZodIssues): number => Math.max(0, ...issues.map((issue) => issue.path.length));

function expectation(issue: z.core.$ZodIssue): string {
  // Of a record's key: what is wrong with it as a text.
  if (issue.code === 'invalid_key') return issue.issues.map(expectation).join(' and ');
  // Words of our own say more than those that are made from the numbers.
  if (issue.message.startsWith('expected ')) return issue.message.slice('expected '.length);
  if (issue.code === 'invalid_type') return article(issue.expected);
  if (issue.code === 'invalid_value') return `one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
  if (issue.code === 'too_small')
    return `${article(issue.origin)} of at least ${issue.minimum}${lengthUnit(issue.origin)}`;
  if (issue.code === 'too_big')
    return `${article(issue.origin)} of at most ${issue.maximum}${lengthUnit(issue.origin)}`;
  if (issue.code === 'invalid_union') return unionText(issue.errors);
  return issue.message.replace(/^Invalid input: expected /, '');
}

const unionText = (branches: readonly ZodIssues[]): string =>
  [...new Set(branches.flatMap((branch) => branch.map(expectation)))].join(' or ') || 'another value';

const lengthUnit = (origin: string) => (origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '');

const article = (type: string): string => {
  const word = { int: 'integer', record: 'object' }[type] ?? type;
  return `${/^[aeiou]/.test(word) ? 'an' : 'a'} ${word}`;
};

function lookUp(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const part of path) {
    if (found === null || typeof found !== 'object') return undefined;
    found = (found as Record<PropertyKey, unknown>)[part];
  }
  return found;
}

/** `projects.shop.stages["pr-*"].port`: names that are no identifiers are quoted. */
export const pathText = (at: string, path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const name = String(part);
    if (!/^[A-Za-z_$][\w$-]{0,99}$/.test(name)) return `${text}[${quoted(cut(name, 100))}]`;
    return text ? `${text}.${name}` : name;
  }, at);

/** A value as an error may show it: short, and not at all where it may be a secret. */
function show(value: unknown, secret: boolean): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  if (secret) return `a ${typeof value} (not shown)`;
  return cut(typeof value === 'string' ? quoted(withoutLogin(value)) : String(value), 80);
}

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 3)}…` : text);

/** An address may have a user and a password in it. */
const withoutLogin = (text: string): string => text.replace(/(\w:\/\/)[^/\s]*@/g, '$1(not shown)@');
