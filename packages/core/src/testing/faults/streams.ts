/** Faults of streams. A stream fails by a `QuaysideError` that its reader catches, and ends quietly when it is aborted. */
import { type AnyError, QuaysideError } from '../../domain/errors.js';
import type { Fault } from './fault.js';

/** What a fault needs of the call that it strikes. */
export interface Struck {
  /** The error of a fault that brings none of its own. */
  readonly error: AnyError;
  /** Resolves when the signal is aborted; never without one, or where it is to be ignored. */
  untilAborted(ignoresSignal?: boolean): Promise<void>;
  /** Resolves after so long, or once the signal is aborted: then with false. */
  wait(ms: number): Promise<boolean>;
}

const isBefore = (fault: { readonly when?: 'before' | 'after' }): boolean => (fault.when ?? 'before') === 'before';

export async function* faultyStream<T>(
  open: () => AsyncIterable<T>,
  fault: Fault<AnyError>,
  call: Struck,
): AsyncGenerator<T> {
  const fail = () => new QuaysideError(('error' in fault ? fault.error : undefined) ?? call.error);
  if (fault.kind === 'fail-before') throw fail();
  if (fault.kind === 'hang' && isBefore(fault)) return call.untilAborted(fault.ignoresSignal);
  if (fault.kind === 'slow' && isBefore(fault) && !(await call.wait(fault.ms))) return;
  if (fault.kind === 'cut' && fault.after <= 0) throw fail();
  let count = 0;
  for await (const entry of open()) {
    yield entry;
    if (fault.kind === 'duplicate') yield entry;
    count += 1;
    if (fault.kind === 'cut' && count >= fault.after) throw fail();
  }
  if (fault.kind === 'fail-after') throw fail();
  if (fault.kind === 'hang') return call.untilAborted(fault.ignoresSignal);
  if (fault.kind === 'slow' && !isBefore(fault)) await call.wait(fault.ms);
}

export const isStream = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
