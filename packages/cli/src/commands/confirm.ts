/** Commands that take something off ask first, where somebody can answer; elsewhere they want `--yes`. */
import { err, ok, type Result } from 'neverthrow';
import { has } from '../arguments/grammar.js';
import { type UsageError, usage } from '../arguments/parse.js';
import type { Context } from '../context.js';

/** Before anything is loaded: nobody waits for a store to be told that they forgot `--yes`. */
export function mayAsk({ given, io, screen }: Context, what: string): Result<void, UsageError> {
  if (has(given, 'yes') || (io.isInteractive && !screen.isJson)) return ok(undefined);
  const expected = `it, to ${what} where nobody can be asked`;
  return err(usage([{ path: '--yes', expected, received: 'nothing' }], given.command));
}

/** Whether it may go on. No answer, as at the end of the input or after Ctrl-C, is a no. */
export async function agreed({ given, io, screen }: Context, question: string): Promise<boolean> {
  if (has(given, 'yes')) return true;
  const answer = await io.ask(`${question} [y/N] `).catch(() => '');
  if (/^\s*y(es)?\s*$/i.test(answer)) return true;
  screen.note('Nothing was touched.');
  return false;
}
