/**
 * A routine: steps in sequence, each of which may fail with a value, written as an async generator. `yield*` takes a
 * `Result`'s value or ends the routine with its error.
 *
 * neverthrow's own `safeTry` leaves the generator hanging at that point, so `finally` and `using` never run, and lets what is
 * thrown inside reject the `ResultAsync`, past every `orElse`. Here the generator is closed and a throw becomes a `bug`.
 */
import { type Err, err, type Result, ResultAsync } from 'neverthrow';
import { type BugError, bug } from '../domain/errors.js';

export function routine<T, E>(
  body: () => AsyncGenerator<Err<never, E>, Result<T, E>, unknown>,
): ResultAsync<T, E | BugError>;
export function routine<YieldErr extends Err<never, unknown>, Returned extends Result<unknown, unknown>>(
  body: () => AsyncGenerator<YieldErr, Returned, unknown>,
): ResultAsync<OkOf<Returned>, ErrOf<YieldErr> | ErrOf<Returned> | BugError>;
export function routine(
  body: () => AsyncGenerator<Err<never, unknown>, Result<unknown, unknown>, unknown>,
): ResultAsync<unknown, unknown> {
  return new ResultAsync(run(body));
}

type OkOf<R> = R extends Result<infer T, unknown> ? T : never;
type ErrOf<R> = R extends Result<unknown, infer E> ? E : never;

async function run(
  body: () => AsyncGenerator<Err<never, unknown>, Result<unknown, unknown>, unknown>,
): Promise<Result<unknown, unknown>> {
  try {
    const generator = body();
    const first = await generator.next();
    if (first.done) return first.value;
    await generator.return(first.value as never);
    return first.value;
  } catch (thrown) {
    return err(bug(thrown));
  }
}

/** A call into foreign code (a port, a plugin, a host's function): a throw or a rejection becomes an error like any other. */
export function guard<T, E>(call: () => ResultAsync<T, E> | PromiseLike<Result<T, E>>): ResultAsync<T, E | BugError> {
  return new ResultAsync<T, E | BugError>(settle(call));
}

async function settle<T, E>(call: () => PromiseLike<Result<T, E>>): Promise<Result<T, E | BugError>> {
  try {
    const result = await call();
    // A port that answers anything else than a Result lies about its type; the next `.isOk()` would throw far from here.
    if (typeof result?.isOk !== 'function')
      return err(bug(new TypeError('A port answered something that is no Result.')));
    return result;
  } catch (thrown) {
    return err(bug(thrown));
  }
}
