/** What the options of several of these plugins have in common. */
import { z } from 'zod';

/** Lower case letters, digits and dashes: another one for a second plugin of the kind. */
export const pluginName = (preset: string) =>
  z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/, 'expected 1 to 40 lower case letters, digits and dashes that begin with a letter')
    .default(preset);

export const place = () =>
  z.enum(['pull', 'stop-previous', 'create', 'start', 'connect', 'route', 'health', 'cutover', 'commit']);

/** Names of stages; `*` stands for any number of characters. */
export const stagePatterns = (preset: readonly string[]) =>
  z
    .array(z.string().min(1).max(100))
    .min(1)
    .default([...preset]);

/** Walked by hand: a name from outside never becomes a regular expression's work. */
export const isAmong = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => {
    const [head = '', ...rest] = pattern.split('*');
    if (rest.length === 0) return name === pattern;
    const tail = rest.pop() ?? '';
    if (!name.startsWith(head)) return false;
    let from = head.length;
    for (const part of rest) {
      const at = name.indexOf(part, from);
      if (at < 0) return false;
      from = at + part.length;
    }
    return name.endsWith(tail) && from + tail.length <= name.length;
  });

/** What a step throws to end a deployment in words of its own. */
export const refusal = (message: string, hint: string, more: { code?: string; details?: unknown } = {}): Error =>
  Object.assign(new Error(message), { hint, ...more });
