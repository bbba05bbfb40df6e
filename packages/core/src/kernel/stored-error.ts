import { type AnyError, causesOf } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type { StoredError } from '../domain/records.js';
import { redactedCause } from './redacted-cause.js';
import type { Redactor } from './redactor.js';

/** An error as it may be stored and shown: without secrets, its causes as messages. */
export function storedError(error: AnyError, redactor: Redactor): StoredError {
  return {
    kind: error.kind,
    ...(error.code === undefined ? {} : { code: redactor.text(error.code) }),
    message: redactor.text(error.message),
    hint: redactor.text(error.hint),
    retryable: error.retryable,
    ...(error.step === undefined ? {} : { step: error.step }),
    ...(error.details === undefined ? {} : { details: redactor.json(error.details) }),
    causes: causesOf(error).map((cause) => redactor.text(cause)),
  };
}

/** An error as a caller gets it: everything that it says without secrets, and a copy of what was caught that shows none either. */
export function redactedError<E extends AnyError>(error: E, redactor: Redactor): E {
  const fields = Object.entries(error).map(([key, value]): [string, unknown] => [
    key,
    key === 'cause' ? redactedCause(value, redactor) : withoutSecrets(value, redactor),
  ]);
  return Object.fromEntries(fields) as unknown as E;
}

/** What an error carries is plain data, or somebody else's: that is left alone. */
const withoutSecrets = (value: unknown, redactor: Redactor): unknown => {
  if (typeof value === 'string' || Array.isArray(value)) return redactor.json(value as Json);
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? redactor.json(value as Json) : value;
};

/** A stored error as a value again, for those who wait for a result. */
export const revivedError = (stored: StoredError): AnyError => {
  const { causes, ...error } = stored;
  return causes.length === 0 ? error : { ...error, cause: new Error(causes.join(' ← ')) };
};
