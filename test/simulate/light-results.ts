/**
 * `ResultAsync` with the same answers in fewer turns: neverthrow is compiled for hosts without async functions, and its helpers take a
 * fifth of a run's time. A test holds every method against neverthrow's own.
 */
import { Err, err, ok, type Result, ResultAsync } from 'neverthrow';

type Any = Result<unknown, unknown>;
type Over<T> = (value: never) => T;

const isLater = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

const turned = (from: ResultAsync<unknown, unknown>, turn: (result: Any) => Any | PromiseLike<Any>) =>
  new ResultAsync(from.then(turn) as Promise<Any>);

/** A tee's own failure is nobody's concern. */
function teed(result: Any, tee: () => unknown): Any | PromiseLike<Any> {
  const same = () => result;
  try {
    const teeing = tee();
    return isLater(teeing) ? teeing.then(same, same) : result;
  } catch {
    return result;
  }
}

const methods = {
  map(this: ResultAsync<unknown, unknown>, over: Over<unknown>) {
    return turned(this, (result) => {
      if (result.isErr()) return result;
      const value = over(result.value as never);
      return isLater(value) ? value.then(ok) : ok(value);
    });
  },
  mapErr(this: ResultAsync<unknown, unknown>, over: Over<unknown>) {
    return turned(this, (result) => {
      if (result.isOk()) return result;
      const error = over(result.error as never);
      return isLater(error) ? error.then(err) : err(error);
    });
  },
  orElse(this: ResultAsync<unknown, unknown>, over: Over<Any | PromiseLike<Any>>) {
    return turned(this, (result) => (result.isErr() ? over(result.error as never) : result));
  },
  andTee(this: ResultAsync<unknown, unknown>, over: Over<unknown>) {
    return turned(this, (result) => (result.isOk() ? teed(result, () => over(result.value as never)) : result));
  },
  orTee(this: ResultAsync<unknown, unknown>, over: Over<unknown>) {
    return turned(this, (result) => (result.isErr() ? teed(result, () => over(result.error as never)) : result));
  },
  /** What `yield*` asks: the value at once, or the error, and nothing behind it. */
  [Symbol.asyncIterator](this: ResultAsync<unknown, unknown>) {
    const read = (result: Any) =>
      result.isOk() ? { done: true, value: result.value } : { done: false, value: new Err(result.error) };
    return {
      next: () => this.then(read),
      return: (value: unknown) => Promise.resolve({ done: true, value }),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  },
};

export function useLightResults(): void {
  Object.assign(ResultAsync.prototype, methods);
}
