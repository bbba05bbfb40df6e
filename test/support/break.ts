/** Ports that fail on purpose: one method, at its n-th call, before it has done anything or after it has done it all. */
import { errAsync, ResultAsync } from 'neverthrow';
import type { AnyError } from '../../packages/core/src/index.js';

export interface Breakage {
  readonly method: string;
  /** `before`: nothing happened. `after`: it worked, and the answer was lost. `hang`: it works and never answers. */
  readonly how: 'before' | 'after' | 'hang';
  /** Which call; default the first. */
  readonly call?: number;
}

const lost = (method: string, outcome: 'unknown' | 'refused'): AnyError => ({
  kind: 'engine-refused',
  code: 'broken-on-purpose',
  message: `${method} was made to fail.`,
  hint: 'Nothing to do: a test wants it.',
  retryable: false,
  outcome,
});

export function breaking<Port extends object>(port: Port, { method, how, call = 1 }: Breakage): Port {
  let calls = 0;
  return new Proxy(port, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown;
      if (typeof value !== 'function') return value;
      if (key !== method) return value.bind(target);
      return (...given: unknown[]) => {
        calls += 1;
        if (calls !== call) return value.apply(target, given);
        if (how === 'before') return errAsync(lost(method, 'refused'));
        const done = value.apply(target, given) as ResultAsync<unknown, AnyError>;
        if (how === 'after') return done.andThen(() => errAsync(lost(method, 'unknown')));
        const silence = new Promise<never>(() => {});
        return new ResultAsync(Promise.resolve(done).then(() => silence));
      };
    },
  });
}
