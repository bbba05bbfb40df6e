/**
 * Any port, with faults between it and its caller: calls that get lost, answers that do, hangs, delays, duplicates. What a
 * fault does to the caller is what a network does; what the port did is done.
 *
 *   const engine = withFaults(memoryRuntime(world.engine), { clock, error: outage.runtime })
 *   engine.inject('create', { kind: 'fail-after' })        // the next create works, and nobody hears of it
 *   createDeployer({ runtime: engine.port, … })
 */
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { type AnyError, aborted } from '../domain/errors.js';
import { sleep } from '../kernel/scope.js';
import type { Clock } from '../ports/clock.js';
import type { ErrorOf, Fault, FaultCall, FaultPlan, FaultyMethod } from './faults/fault.js';
import { faultyStream, isStream, type Struck } from './faults/streams.js';

export * from './faults/fault.js';
export { outage } from './faults/outage.js';

export interface FaultsOptions<P extends object> {
  /** What delays pass on. */
  readonly clock: Clock;
  /** Answered by a fault that brings no error of its own: `outage` has one for every port. */
  readonly error: ErrorOf<P>;
  /** Asked for every call that was not struck by `inject`; default: no faults. See `faultsAt` and `randomFaults`. */
  readonly plan?: FaultPlan<P>;
}

export interface Faulty<P extends object> {
  /** What is handed to whoever is tested. */
  readonly port: P;
  /** Every fault that has struck, in order. */
  readonly struck: readonly { readonly method: string; readonly number: number; readonly fault: Fault }[];
  /** Faults that were injected and have not struck yet: a test that leaves some has not tested what it meant to. */
  readonly pending: number;
  /** How often the method was called, struck or not. */
  calls(method: FaultyMethod<P>): number;
  /** Strikes the next call of the method, or the next so many. Several wait in line. */
  inject(method: FaultyMethod<P>, fault: Fault<ErrorOf<P>>, times?: number): void;
  /** Takes back what was injected and has not struck, and asks the plan no more. */
  clear(): void;
}

/** Methods that answer a stream itself, not a result with one in it. */
const STREAMS: readonly string[] = ['logs'];
/** Methods that answer a result though no signal is given to them. All others without one are plain functions, and left alone. */
const WITHOUT_SIGNAL: readonly string[] = ['close', 'seal', 'open', 'fingerprint'];

/**
 * Wraps a port. Its properties and plain functions are the port's own. A call whose signal is aborted already goes to the port as
 * it is: what `aborted` means is the port's to say.
 */
export function withFaults<P extends object>(port: P, options: FaultsOptions<P>): Faulty<P> {
  const counts = new Map<string, number>();
  const waiting = new Map<string, Fault<ErrorOf<P>>[]>();
  const struck: { method: string; number: number; fault: Fault }[] = [];
  const wrapped = new Map<string, (...args: unknown[]) => unknown>();
  let { plan } = options;

  const faultFor = (method: string, args: readonly unknown[]): Fault<ErrorOf<P>> | undefined => {
    const signal = signalOf(args);
    const number = (counts.get(method) ?? 0) + 1;
    counts.set(method, number);
    const call: FaultCall<P> = {
      method: method as FaultyMethod<P>,
      number,
      args,
      hasSignal: signal !== undefined,
      isStream: STREAMS.includes(method),
    };
    // The plan is asked in any case, so that its random numbers stay in step with the calls.
    const planned = plan?.(call);
    if (signal?.aborted) return undefined;
    const fault = waiting.get(method)?.shift() ?? planned;
    if (fault) struck.push({ method, number, fault });
    return fault;
  };

  const wrap = (method: string, original: (...args: unknown[]) => unknown) => {
    const known = wrapped.get(method);
    if (known) return known;
    const faulty = (...args: unknown[]): unknown => {
      const ask = () => Reflect.apply(original, port, args);
      if (!signalOf(args) && !WITHOUT_SIGNAL.includes(method)) return ask();
      const fault = faultFor(method, args) as Fault<AnyError> | undefined;
      if (!fault) return ask();
      if (fault.kind === 'throw') throw fault.thrown ?? new Error(`${method} threw (an injected fault).`);
      const call = struckCall(options.clock, options.error as AnyError, signalOf(args));
      if (STREAMS.includes(method)) return faultyStream(ask as () => AsyncIterable<unknown>, fault, call);
      return new ResultAsync(strike(method, ask as () => Answer, fault, call));
    };
    wrapped.set(method, faulty);
    return faulty;
  };

  return {
    port: new Proxy(port, {
      get(target, property) {
        // On the port itself: its getters and private fields know nothing of the wrapper, nor do its calls to itself.
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function' || typeof property !== 'string') return value;
        return wrap(property, value as (...args: unknown[]) => unknown);
      },
    }),
    struck,
    get pending() {
      return [...waiting.values()].reduce((sum, faults) => sum + faults.length, 0);
    },
    calls: (method) => counts.get(method) ?? 0,
    inject(method, fault, times = 1) {
      const line = waiting.get(method) ?? [];
      waiting.set(method, line);
      for (let count = 0; count < times; count += 1) line.push(fault);
    },
    clear() {
      waiting.clear();
      plan = undefined;
    },
  };
}

type Answer = ResultAsync<unknown, AnyError>;

async function strike(
  method: string,
  ask: () => Answer,
  fault: Exclude<Fault<AnyError>, { kind: 'throw' }>,
  call: Struck,
): Promise<Result<unknown, AnyError>> {
  const lost = () => err(('error' in fault ? fault.error : undefined) ?? call.error);
  const gaveUp = () => err(aborted(method));
  switch (fault.kind) {
    case 'fail-before':
      return lost();
    case 'fail-after': {
      const answer = await ask();
      return answer.isErr() ? answer : lost();
    }
    case 'hang':
      if (fault.when === 'after') await ask();
      await call.untilAborted(fault.ignoresSignal);
      return gaveUp();
    case 'slow': {
      if (fault.when !== 'after') return (await call.wait(fault.ms)) ? ask() : gaveUp();
      const answer = await ask();
      return (await call.wait(fault.ms)) ? answer : gaveUp();
    }
    case 'duplicate': {
      const first = await ask();
      const last = await ask();
      return fault.answer === 'first' ? first : last;
    }
    case 'cut': {
      const answer = await ask();
      if (answer.isErr()) return answer;
      const stream = answer.value;
      if (!isStream(stream)) throw new TypeError(`${method} answers no stream: it cannot be cut.`);
      return ok(faultyStream(() => stream, fault, call));
    }
    default:
      return fault satisfies never;
  }
}

function struckCall(clock: Clock, error: AnyError, signal: AbortSignal | undefined): Struck {
  return {
    error,
    untilAborted: (ignoresSignal = false) =>
      new Promise((resolve) => {
        if (!signal || ignoresSignal) return;
        if (signal.aborted) return resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      }),
    wait: async (ms) => (await sleep(clock, ms, signal ?? new AbortController().signal)).isOk(),
  };
}

/** Of the call's options, wherever they stand among its arguments. */
function signalOf(args: readonly unknown[]): AbortSignal | undefined {
  for (const each of args) {
    if (typeof each !== 'object' || each === null || !('signal' in each)) continue;
    if (each.signal instanceof AbortSignal) return each.signal;
  }
  return undefined;
}
