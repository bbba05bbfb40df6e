/** Values of flags, checked: the error names the flag. */
import type { Issue } from '@quayside/core';
import { err, ok, type Result } from 'neverthrow';
import { type Arguments, flagValue } from './grammar.js';
import { type UsageError, usage } from './parse.js';

export function integerFlag(
  given: Arguments,
  name: string,
  range: { readonly from: number; readonly to: number },
): Result<number | undefined, UsageError> {
  const text = flagValue(given, name);
  if (text === undefined) return ok(undefined);
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.from && value <= range.to) return ok(value);
  const expected = `an integer from ${range.from} to ${range.to}`;
  return err(usage([{ path: `--${name}`, expected, received: JSON.stringify(text) }], given.command));
}

export function choiceFlag<const Choice extends string>(
  given: Arguments,
  name: string,
  choices: readonly Choice[],
): Result<Choice | undefined, UsageError> {
  const text = flagValue(given, name);
  if (text === undefined) return ok(undefined);
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return ok(found);
  const expected = `one of ${choices.join(', ')}`;
  return err(usage([{ path: `--${name}`, expected, received: JSON.stringify(text) }], given.command));
}

/** `NAME=value`, or `NAME` alone for the value that this process has in its own environment. */
export function envFlag(
  given: Arguments,
  env: { readonly [name: string]: string | undefined },
): Result<{ readonly [name: string]: string } | undefined, UsageError> {
  const all = given.flags['env'];
  if (!all) return ok(undefined);
  const values: Record<string, string> = {};
  const issues: Issue[] = [];
  for (const text of all) {
    const at = text.indexOf('=');
    const name = at < 0 ? text : text.slice(0, at);
    // An object has more than what was put in it: `toString` is not set in any environment.
    const own = Object.hasOwn(env, name) ? env[name] : undefined;
    const value = at < 0 ? own : text.slice(at + 1);
    // The value is a secret, also where the name of it is wrong.
    if (!/^(?!__proto__$)[A-Za-z_][A-Za-z0-9_.-]*$/.test(name))
      issues.push({
        path: '--env',
        expected: 'NAME=value with a name of letters, digits and _',
        received: 'another name',
      });
    else if (value === undefined)
      issues.push({ path: `--env ${name}`, expected: `${name} to be set in this environment`, received: 'nothing' });
    else values[name] = value;
  }
  return issues.length > 0 ? err(usage(issues.slice(0, 1), given.command)) : ok(values);
}
