/** What can go wrong between a caller and a port, and the plans that say when it does. */
import type { ResultAsync } from 'neverthrow';

/** One thing that goes wrong with one call. `error` is, where it is not given, the one that the wrapper was made with. */
export type Fault<E = unknown> =
  /** The call never reaches the port: a request that was lost. */
  | { readonly kind: 'fail-before'; readonly error?: E }
  /** The port does what it was asked, and its answer is lost. Where the port itself fails, its own error is answered. */
  | { readonly kind: 'fail-after'; readonly error?: E }
  /**
   * Nothing is answered until the signal is aborted; then `aborted`. `when` says whether the port was asked before (default
   * `before`: it was not). With `ignoresSignal` nothing is answered ever: a port that does not listen to its caller.
   */
  | { readonly kind: 'hang'; readonly when?: 'before' | 'after'; readonly ignoresSignal?: boolean }
  /** `ms` pass on the clock before the port is asked (default), or between its answer and the caller's. An abort ends them. */
  | { readonly kind: 'slow'; readonly ms: number; readonly when?: 'before' | 'after' }
  /**
   * The port is asked twice, one after the other, as by a transport that sends again; the caller gets the `last` answer (default)
   * or the `first`. Of a stream, every entry comes twice.
   */
  | { readonly kind: 'duplicate'; readonly answer?: 'first' | 'last' }
  /** The port lies about its type and throws. */
  | { readonly kind: 'throw'; readonly thrown?: unknown }
  /** A stream (`logs`, or the iterable in the answer of `watch`) breaks off with the error after so many entries. */
  | { readonly kind: 'cut'; readonly after: number; readonly error?: E };

export type FaultKind = Fault['kind'];

/** What a method answers; of a property that is none, undefined (`never` would fit every condition). */
type Answered<M> = M extends (...args: never[]) => infer R ? R : undefined;

/** The methods of a port that faults can strike: those that answer a `ResultAsync` or a stream. */
export type FaultyMethod<P> = {
  [K in keyof P & string]-?: Answered<NonNullable<P[K]>> extends ResultAsync<unknown, unknown> | AsyncIterable<unknown>
    ? K
    : never;
}[keyof P & string];

/** The errors that a port's methods answer. */
export type ErrorOf<P> = {
  [K in keyof P]-?: Answered<NonNullable<P[K]>> extends ResultAsync<unknown, infer E> ? E : never;
}[keyof P];

/** A call that is about to be made. */
export interface FaultCall<P> {
  readonly method: FaultyMethod<P>;
  /** Among the calls of this method; the first is 1. */
  readonly number: number;
  readonly args: readonly unknown[];
  /** Whether it was given a signal: what hangs without one hangs for ever. */
  readonly hasSignal: boolean;
  readonly isStream: boolean;
}

/** Asked once for every call, in the order of the calls. */
export type FaultPlan<P> = (call: FaultCall<P>) => Fault<ErrorOf<P>> | undefined;

export interface FaultRule<P> {
  readonly method: FaultyMethod<P>;
  /** Which calls of the method: their numbers, from 1. Default: every one. */
  readonly call?: number | readonly number[];
  /** Only calls with such arguments. */
  readonly where?: (args: readonly unknown[]) => boolean;
  readonly fault: Fault<ErrorOf<P>>;
}

/** A plan by method and call number; the first rule that fits counts. */
export const faultsAt =
  <P extends object>(...rules: readonly FaultRule<P>[]): FaultPlan<P> =>
  ({ method, number, args }) =>
    rules.find(
      (rule) =>
        rule.method === method &&
        (rule.call === undefined || [rule.call].flat().includes(number)) &&
        (rule.where?.(args) ?? true),
    )?.fault;

export interface RandomFaults<P> {
  /** `ids.random`, or `seededRandom(seed)`: drawn from twice per call, whatever comes of it. */
  readonly random: () => number;
  /** The chance of each kind per call, 0 to 1; together at most 1. A kind that is absent never happens. */
  readonly odds: { readonly [K in Exclude<FaultKind, 'throw'>]?: number };
  /** Default: every method that is given a signal. */
  readonly methods?: readonly FaultyMethod<P>[];
  /** The longest that a slow call waits; default 5 000 ms. */
  readonly slowMsMax?: number;
}

/**
 * A plan by chance: the same numbers and the same calls give the same faults, bit for bit. A call without a signal is spared, and
 * a `cut` is only for what is known to be a stream (`logs`).
 */
export function randomFaults<P extends object>(options: RandomFaults<P>): FaultPlan<P> {
  const { random, odds, methods, slowMsMax = 5_000 } = options;
  const kinds = Object.entries(odds) as [Exclude<FaultKind, 'throw'>, number][];
  // Written in any order, they are drawn in one.
  kinds.sort(([a], [b]) => (a < b ? -1 : 1));
  const total = kinds.reduce((sum, [, odd]) => sum + odd, 0);
  if (total > 1.000_001 || kinds.some(([, odd]) => !(odd >= 0))) {
    throw new RangeError(`The odds are each at least 0 and together at most 1, not ${total}.`);
  }
  return ({ method, hasSignal, isStream }) => {
    // Both are drawn for every call, so that sparing one does not change what happens to all the others.
    let point = random();
    const size = random();
    if (!hasSignal || (methods && !methods.includes(method))) return undefined;
    for (const [kind, odd] of kinds) {
      if (point < odd) return faultOf(kind, size, { slowMsMax, isStream });
      point -= odd;
    }
    return undefined;
  };
}

function faultOf(
  kind: Exclude<FaultKind, 'throw'>,
  size: number,
  { slowMsMax, isStream }: { readonly slowMsMax: number; readonly isStream: boolean },
): Fault<never> | undefined {
  // The lower half of the second number says when, its remainder how much: one draw for both.
  const when = size < 0.5 ? ('before' as const) : ('after' as const);
  const rest = (size * 2) % 1;
  switch (kind) {
    case 'hang':
      return { kind, when };
    case 'slow':
      return { kind, when, ms: Math.floor(rest * slowMsMax) };
    case 'duplicate':
      return { kind, answer: when === 'before' ? 'first' : 'last' };
    case 'cut':
      return isStream ? { kind, after: Math.floor(rest * 5) } : undefined;
    case 'fail-before':
    case 'fail-after':
      return { kind };
    default:
      return kind satisfies never;
  }
}
