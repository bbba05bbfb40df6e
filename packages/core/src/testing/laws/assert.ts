/** The few assertions that laws need, without a test runner or a Node module. */
import type { Result } from 'neverthrow';
import type { AnyError, ErrorKind } from '../../domain/errors.js';
import { canonicalJson } from '../../domain/json.js';

export class LawBroken extends Error {
  override readonly name = 'LawBroken';
  /** How it showed: by what the port answered, by something that was thrown, or because nothing came within the law's limit. */
  readonly how: 'answer' | 'throw' | 'limit';

  constructor(message: string, { how = 'answer', cause }: { how?: LawBroken['how']; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.how = how;
  }
}

export function holds(condition: unknown, rule: string): asserts condition {
  if (!condition) throw new LawBroken(rule);
}

export function same(actual: unknown, expected: unknown, rule: string): void {
  const [a, b] = [canonicalJson(actual), canonicalJson(expected)];
  if (a !== b) throw new LawBroken(`${rule}\n  expected ${b}\n  got      ${a}`);
}

/** The value, or the law is broken. */
export async function value<T, E extends AnyError>(
  result: PromiseLike<Result<T, E>>,
  rule = 'the call succeeds',
): Promise<T> {
  const settled = await result;
  if (settled.isOk()) return settled.value;
  throw new LawBroken(`${rule}\n  got the error ${settled.error.kind}: ${settled.error.message}`);
}

/** The error of this kind, or the law is broken. Every error has a message and a hint for people. */
export async function error<T, E extends AnyError>(
  result: PromiseLike<Result<T, E>>,
  kind: ErrorKind | readonly ErrorKind[],
  rule = 'the call fails',
): Promise<E> {
  const settled = await result;
  const kinds: readonly ErrorKind[] = typeof kind === 'string' ? [kind] : kind;
  if (settled.isOk()) throw new LawBroken(`${rule}\n  expected ${kinds.join(' or ')}, and it succeeded`);
  const { error } = settled;
  if (!kinds.includes(error.kind)) {
    throw new LawBroken(`${rule}\n  expected ${kinds.join(' or ')}, got ${error.kind}: ${error.message}`);
  }
  if (!error.message || !error.hint) throw new LawBroken(`${rule}\n  the error has no message or no hint`);
  return error;
}

/** A signal that is never aborted, and one that is. */
export const open = (): { readonly signal: AbortSignal } => ({ signal: new AbortController().signal });
export const ended = (): { readonly signal: AbortSignal } => ({ signal: AbortSignal.abort() });
