/** Calls into a plugin: bounded, and whatever it does (throw, hang, answer what nobody expected) becomes an error like any other. */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { type AnyError, aborted, causesOf, failure, QuaysideError, type TaggedError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import { bounded } from '../kernel/scope.js';
import type { Clock } from '../ports/clock.js';

export interface Called {
  readonly plugin: string;
  /** `before cutover`, `in step up`. */
  readonly at: string;
  readonly ms: number;
  /** What its limit is set by, as the author calls it; undefined: it cannot be set. */
  readonly setting: string | undefined;
}

export function callPlugin<T = unknown>(
  clock: Clock,
  { plugin, at, ms, setting }: Called,
  parents: readonly AbortSignal[],
  work: (signal: AbortSignal) => unknown,
): ResultAsync<T, AnyError> {
  const what = `Plugin "${plugin}" ${at}`;
  return bounded(clock, parents, { what, ms, setting }, async ({ signal }): Promise<Result<T, AnyError>> => {
    try {
      const answer: unknown = await work(signal);
      if (isErr(answer)) return err(failed(what, answer.error, signal));
      return ok(answer as T);
    } catch (thrown) {
      return err(failed(what, thrown, signal));
    }
  });
}

const isErr = (answer: unknown): answer is { readonly error: unknown } =>
  typeof answer === 'object' &&
  answer !== null &&
  'isErr' in answer &&
  typeof answer.isErr === 'function' &&
  answer.isErr() === true;

function failed(what: string, thrown: unknown, signal: AbortSignal): AnyError {
  if (signal.aborted) return aborted(what, signal.reason);
  return pluginFailed(what, thrown);
}

export const refused = (plugin: string, at: string, message: string): TaggedError<'plugin-failed'> =>
  failure('plugin-failed', `Plugin "${plugin}" ${at} ${message}`, HINT);

const HINT = 'See to what the plugin says, or to the plugin; then deploy again.';
const MESSAGE_MAX = 2_000;

/** What a plugin has thrown may be anything: nothing here may throw once more. */
export function pluginFailed(what: string, thrown: unknown): TaggedError<'plugin-failed'> {
  const of = known(thrown);
  const details = of.details === undefined ? undefined : plainJson(of.details);
  return failure('plugin-failed', `${what} failed: ${of.message}`, of.hint ?? HINT, {
    retryable: of.retryable,
    ...(of.code === undefined ? {} : { code: of.code }),
    ...(details?.isOk() ? { details: details.value } : {}),
    ...(of.cause === undefined ? {} : { cause: of.cause }),
  });
}

interface Known {
  readonly message: string;
  readonly hint?: string;
  readonly code?: string;
  readonly retryable: boolean;
  readonly details?: unknown;
  readonly cause?: unknown;
}

function known(thrown: unknown): Known {
  try {
    const of = thrown instanceof QuaysideError ? thrown.error : thrown;
    if (typeof of !== 'object' || of === null) return { message: text(of), retryable: false };
    const { message, hint, code, retryable, details } = of as { readonly [field: string]: unknown };
    // Its causes are read when it is stored: one that cannot be read is left out now.
    causesOf({ cause: thrown });
    return {
      message: text(message ?? of),
      ...(typeof hint === 'string' ? { hint: text(hint) } : {}),
      ...(typeof code === 'string' ? { code: text(code) } : {}),
      retryable: retryable === true,
      details,
      cause: thrown,
    };
  } catch {
    return { message: 'it threw something that cannot be read', retryable: false };
  }
}

const text = (value: unknown): string => String(value).slice(0, MESSAGE_MAX);

/** As much as one record of a plugin, or one intent, may be. */
const JSON_MAX = 65_536;

/** A copy as the store would give it back. The error says why there is none. */
export function plainJson(value: unknown): Result<Json, string> {
  try {
    const written = JSON.stringify(value === undefined ? null : value);
    if (written === undefined) return err(`a ${typeof value}, which is no JSON`);
    if (written.length > JSON_MAX) return err(`${written.length} characters of JSON, of at most ${JSON_MAX}`);
    return ok(JSON.parse(written) as Json);
  } catch (thrown) {
    return err(`what is no JSON (${known(thrown).message})`);
  }
}
