/** Flags that several commands have. */
import type { Flag } from '../arguments/grammar.js';
import { flagValue } from '../arguments/grammar.js';
import type { Context } from '../context.js';

export const BY: Flag = { name: 'by', value: 'who', about: 'Who asks, for the audit trail; default: you' };
export const YES: Flag = { name: 'yes', short: 'y', about: 'Do not ask' };
export const LIMIT: Flag = { name: 'limit', short: 'n', value: 'n', about: 'At most so many; default 20' };

/** Who asks: as it was said, or who runs the command. */
export function byOf({ given, io }: Pick<Context, 'given' | 'io'>): { readonly by?: string } {
  const by = flagValue(given, 'by') ?? io.user();
  return by === undefined ? {} : { by };
}
