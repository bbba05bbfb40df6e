/** What the command's exit code tells a script. */
import type { AnyError, Deployment, ErrorKind } from '@quayside/core';

export const EXIT = {
  done: 0,
  /** It failed; a deployment was rolled back whole. */
  failed: 1,
  /** Bad input or configuration: nothing was touched. */
  badInput: 2,
  /** It failed or was cancelled, and something that it made is still there. */
  leftovers: 3,
  /** Cancelled by Ctrl-C or by a request to end; a deployment was rolled back first. */
  cancelled: 130,
} as const;

/** What the caller has to correct before the same call can work. */
const BAD_INPUT: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'invalid-config',
  'invalid-options',
  'invalid-request',
  'unknown-project',
  'unknown-stage',
  'unknown-deployment',
  'unknown-instance',
  'instance-in-use',
  'nothing-before',
  'idempotency-conflict',
  'unsupported',
]);

/** An adapter's own words for what the caller has given it, where the kind may also be the far side's refusal. */
const BAD_INPUT_CODES: ReadonlySet<string> = new Set(['bad-certificate']);

/** Where the kind alone does not tell it. */
export interface WithExitCode {
  readonly exitCode?: number;
}

export function exitCodeOf(error: AnyError & { readonly deployment?: Deployment } & WithExitCode): number {
  const { deployment } = error;
  if (error.exitCode !== undefined) return error.exitCode;
  if (deployment?.cleanup === 'pending') return EXIT.leftovers;
  if (error.kind === 'cancelled' || error.kind === 'aborted') return EXIT.cancelled;
  // A deployment that ran was no bad input, whatever it met on its way.
  if (deployment?.startedAt != null) return EXIT.failed;
  return BAD_INPUT.has(error.kind) || BAD_INPUT_CODES.has(error.code ?? '') ? EXIT.badInput : EXIT.failed;
}
