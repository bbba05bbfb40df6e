/**
 * From an address to a route. Strict: a path is what it says, segment by segment, and nothing is cleaned up. Each segment is decoded once,
 * after the split, so that an encoded slash is a character of a name and never a separator.
 */
import { type AnyError, invalid } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { type ApiError, apiError } from '../problem.js';
import type { Method, Route } from '../routes/route.js';

export interface Matched {
  readonly route: Route;
  readonly params: { readonly [name: string]: string };
}

export interface Table {
  /** @param path below the base path, as it came: percent-encoded */
  match(method: string, path: string): Result<Matched, ApiError | AnyError>;
  /** The methods of a path, for `Allow`; empty: there is no such path. */
  methods(path: string): readonly string[];
}

interface Entry {
  readonly segments: readonly string[];
  readonly route: Route;
}

export function table(routes: readonly Route[]): Table {
  const entries: readonly Entry[] = routes.map((route) => ({ segments: route.path.slice(1).split('/'), route }));
  const at = (path: string) => {
    const segments = path.slice(1).split('/');
    return path.startsWith('/') ? entries.filter((entry) => fits(entry.segments, segments)) : [];
  };
  const methods = (path: string) => allowed(at(path).map(({ route }) => route.method));
  return {
    methods,
    match(method, path) {
      const found = at(path);
      if (found.length === 0) return err(notFound());
      const wanted = method === 'HEAD' ? 'GET' : method;
      const entry = found.find(({ route }) => route.method === wanted);
      if (!entry) return err(notAllowed(methods(path)));
      return decoded(entry, path.slice(1).split('/')).map((params) => ({ route: entry.route, params }));
    },
  };
}

const isParam = (segment: string): boolean => segment.startsWith('{');

const fits = (pattern: readonly string[], segments: readonly string[]): boolean =>
  pattern.length === segments.length &&
  pattern.every((part, index) => (isParam(part) ? segments[index] !== '' : part === segments[index]));

function decoded(
  { segments: pattern }: Entry,
  segments: readonly string[],
): Result<{ readonly [name: string]: string }, AnyError> {
  const params: [string, string][] = [];
  for (const [index, part] of pattern.entries()) {
    if (!isParam(part)) continue;
    const name = part.slice(1, -1);
    const text = decode(segments[index] ?? '');
    if (text === undefined || /\p{Cc}/u.test(text)) {
      const expected = 'percent-encoded UTF-8 without control characters';
      return err(invalid('invalid-request', [{ path: name, expected, received: 'something else' }]));
    }
    params.push([name, text]);
  }
  return ok(Object.fromEntries(params));
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

const allowed = (methods: readonly Method[]): readonly string[] =>
  methods.length === 0
    ? []
    : [...new Set([...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'])].sort();

export const notFound = (): ApiError =>
  apiError('not-found', 'There is no such path.', 'Look at the paths in `openapi.json`.');

const notAllowed = (methods: readonly string[]): ApiError =>
  apiError('method-not-allowed', `This path takes ${methods.join(', ')}.`, 'Use one of these methods.', {
    headers: { allow: methods.join(', ') },
  });
