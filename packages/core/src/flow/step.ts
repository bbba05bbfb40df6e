import type { ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type { StepVersion } from '../domain/records.js';
import type { Limit } from '../kernel/scope.js';
import type { Around } from './extensions.js';
import type { Flow } from './flow.js';

export type StepError = AnyError;

/**
 * A step is data; `run-steps.ts` runs them all. Its intent is in the journal before `run` begins, so whatever undo needs has to be
 * in there, and nothing that only memory knows.
 */
export interface Step {
  readonly name: string;
  /** Recovery by a host with another version of the step leaves it alone. */
  readonly version: StepVersion;
  /** What undo will need, all known before the effect: our names, the route as it was. Plain data, without secrets. */
  intent(flow: Flow, signal: AbortSignal): ResultAsync<Json, StepError>;
  /** The most that `run` may take. Its calls have limits of their own: this one is of all of them together. */
  limit(flow: Flow): Limit;
  /** The most that `undo` may take; default `undoTimeoutMs`. */
  readonly undoMs?: number;
  /** Leases beside the stage's that the effect needs: taken in the commit of the intent, freed after the step. */
  leases?(flow: Flow, intent: Json, phase: 'run' | 'undo'): readonly string[];
  /** The intent holds before the steps before it have run, so it is written down with theirs, and costs no commit. */
  readonly isForeseen?: boolean;
  /** It may take long, so no intent of a step behind it is written with its own, and no lease of such a step held meanwhile. */
  readonly takesLong?: boolean;
  /** What others do right before and after it. */
  readonly around?: Around;
  /** They are kept until the terminal commit instead: the cutover's. */
  readonly keepsLeases?: boolean;
  /**
   * What `run` is about to do: `effects` (default), whose intent is in the journal first; it only `waits`, and runs while its beginning
   * is written; or `nothing` at all, which is written down with whatever comes next.
   */
  does?(flow: Flow, intent: Json): 'effects' | 'waits' | 'nothing';
  /** Begins what of `run` changes nothing, while the intent is written; `run` waits for it. Its signal is aborted once the step is over. */
  ahead?(flow: Flow, intent: Json, signal: AbortSignal): void;
  /** Runs again after a crash, so it is content with whatever an earlier run has left. */
  run(flow: Flow, intent: Json, signal: AbortSignal): ResultAsync<void, StepError>;
  /**
   * Takes back what `run` did, or half did, where that is still ours; `ok` where it did nothing.
   * @param wasOpen whether the outcome of `run` was never learned: what is absent now may still appear
   */
  undo(flow: Flow, intent: Json, signal: AbortSignal, wasOpen: boolean): ResultAsync<void, StepError>;
}
