/**
 * What was caught, as it may be shown. An HTTP client's error holds the request with its `authorization`, a driver's the address with its
 * password, in fields that no redactor reaches: a copy has the texts alone, and of the fields those that are plain.
 */
import type { Json } from '../domain/json.js';
import type { Redactor } from './redactor.js';

const DEPTH_MAX = 8;
const ERRORS_MAX = 20;

/** An error keeps its name, message, stack, plain fields and causes, and loses its class. Twice is the same. */
export function redactedCause(cause: unknown, redactor: Redactor, depth = 0): unknown {
  if (typeof cause === 'string') return redactor.text(cause);
  if (typeof cause !== 'object' || cause === null) return typeof cause === 'function' ? 'a function' : cause;
  if (depth >= DEPTH_MAX) return 'more causes';
  if (cause instanceof Error) return redactedThrown(cause, redactor, depth);
  const fields = plainFields(cause, redactor);
  return 'cause' in cause ? { ...fields, cause: redactedCause(read(cause, 'cause'), redactor, depth + 1) } : fields;
}

function redactedThrown(thrown: Error, redactor: Redactor, depth: number): Error {
  const text = (name: 'name' | 'message' | 'stack'): string => {
    const value = read(thrown, name);
    return typeof value === 'string' ? redactor.text(value) : '';
  };
  const copy = new Error(text('message'));
  const hidden = (name: string, value: unknown) =>
    Object.defineProperty(copy, name, { value, configurable: true, writable: true });
  hidden('name', text('name'));
  hidden('stack', text('stack'));
  Object.assign(copy, plainFields(thrown, redactor));
  if ('cause' in thrown) hidden('cause', redactedCause(read(thrown, 'cause'), redactor, depth + 1));
  const errors = read(thrown, 'errors');
  // Of an AggregateError: one per address that was tried.
  if (Array.isArray(errors))
    hidden(
      'errors',
      errors.slice(0, ERRORS_MAX).map((each) => redactedCause(each, redactor, depth + 1)),
    );
  return copy;
}

/** Texts, numbers and truth values (`code`, `errno`, `syscall`, `kind`, `hint`); and of our own errors their `details`, which are plain data. */
function plainFields(source: object, redactor: Redactor): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const key of Object.keys(source)) {
    if (key === 'cause' || key === 'errors') continue;
    const value = read(source, key);
    if (typeof value === 'string') fields[key] = redactor.text(value);
    else if (typeof value === 'number' || typeof value === 'boolean') fields[key] = value;
    else if (key === 'details' && 'kind' in source) fields[key] = redactor.json(value as Json);
  }
  return fields;
}

/** A getter of somebody else's may throw. */
function read(source: object, key: string): unknown {
  try {
    return (source as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
