/** When a fault strikes: at a call of a port, of all that a deployment makes, before it, while it is under way or after it has worked. */
import { ResultAsync } from 'neverthrow';
import type { StoredEventName } from '../../packages/core/src/events/types.js';
import type { PullProgress } from '../../packages/core/src/ports/container-runtime.js';

export type FaultPort = 'runtime' | 'proxy' | 'probe' | 'registry' | 'store';

export type Moment =
  | {
      readonly port: FaultPort;
      readonly method: string;
      /** Which call of the method since the deployment was asked for; default the first. */
      readonly call?: number;
      /** `during`: once the call is made, and of a pull once something has come. */
      readonly when: 'before' | 'during' | 'after';
      /** Of `during`: so long after the call was made, in milliseconds; default 0. */
      readonly delayMs?: number;
    }
  /** Right after the commit that made it true. */
  | { readonly event: StoredEventName };

export interface Trigger {
  /** The port, overheard. */
  wrap<Port extends object>(name: FaultPort, port: Port): Port;
  /** From now on calls count, and the strike happens, once. */
  arm(moment: Moment, strike: (args: readonly unknown[]) => Promise<void>): void;
  readonly struckAtMs: number | undefined;
}

export function trigger(): Trigger {
  let moment: Exclude<Moment, { readonly event: unknown }> | undefined;
  let strike: (args: readonly unknown[]) => Promise<void> = async () => {};
  let calls = 0;
  let struckAtMs: number | undefined;
  const fire = async (args: readonly unknown[]) => {
    if (struckAtMs !== undefined) return;
    struckAtMs = performance.now();
    await strike(args);
  };
  const isIt = (name: FaultPort, method: string) => {
    if (moment?.port !== name || moment.method !== method) return false;
    calls += 1;
    return calls === (moment.call ?? 1);
  };
  return {
    wrap: (name, port) =>
      new Proxy(port, {
        get(target, property) {
          const value = Reflect.get(target, property, target) as unknown;
          if (typeof value !== 'function') return value;
          return (...args: unknown[]) => {
            if (moment === undefined || !isIt(name, String(property))) return value.apply(target, args);
            const { when, delayMs = 0 } = moment;
            if (when === 'during' && property === 'pull')
              return value.call(
                target,
                args[0],
                watched(args[1] as never, () => void fire(args)),
              );
            return new ResultAsync(
              (async () => {
                if (when === 'before') await fire(args);
                const answer = value.apply(target, args) as PromiseLike<never>;
                if (when === 'during') setTimeout(() => void fire(args), delayMs);
                const result = await answer;
                if (when === 'after') await fire(args);
                return result;
              })(),
            );
          };
        },
      }),
    arm(next, work) {
      strike = work;
      if ('event' in next) return;
      calls = 0;
      moment = next;
    },
    get struckAtMs() {
      return struckAtMs;
    },
  };
}

/** A pull's options, which tell when the first bytes of a layer have come. */
function watched(
  options: { readonly onProgress?: (progress: PullProgress) => void },
  onBytes: () => void,
): typeof options {
  return {
    ...options,
    onProgress(progress) {
      if (progress.currentBytes) onBytes();
      options.onProgress?.(progress);
    },
  };
}
