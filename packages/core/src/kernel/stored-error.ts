import { type AnyError, causesOf } from '../domain/errors.js';
import type { StoredError } from '../domain/records.js';
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

/** An error as a caller gets it: its texts without secrets, and what was caught as it is, for this process alone. */
export function redactedError(error: AnyError, redactor: Redactor): AnyError {
  const { causes: _causes, ...texts } = storedError(error, redactor);
  return { ...error, ...texts };
}

/** A stored error as a value again, for those who wait for a result. */
export const revivedError = (stored: StoredError): AnyError => {
  const { causes, ...error } = stored;
  return causes.length === 0 ? error : { ...error, cause: new Error(causes.join(' ← ')) };
};
