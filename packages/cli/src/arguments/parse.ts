/** Reads a command line. Whatever is wrong with it is one error that names the argument and what was expected. */
import { parseArgs } from 'node:util';
import type { InvalidError, Issue } from '@quayside/core';
import { didYouMean, invalid } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { type Arguments, type CommandSpec, type Flag, GLOBAL_FLAGS, has, VERSION_FLAG } from './grammar.js';

export type UsageError = InvalidError<'invalid-request'> & { readonly command?: string };

const EVERYWHERE = [...GLOBAL_FLAGS, VERSION_FLAG];

export function parseArguments(
  argv: readonly string[],
  commands: readonly CommandSpec[],
): Result<Arguments, UsageError> {
  const all = [...EVERYWHERE, ...commands.flatMap(({ flags }) => flags)];
  const command = wordsOf(tokensOf(argv, all))[0];
  const spec = commands.find(({ name }) => name === command);
  if (command !== undefined && !spec) return err(unknownCommand(command, commands));
  // Again, now that it is known whose short forms are meant: those of two commands may share a letter.
  const tokens = tokensOf(argv, [...EVERYWHERE, ...(spec?.flags ?? []), ...all]);
  const words = wordsOf(tokens);
  const known = [...EVERYWHERE, ...(spec?.flags ?? [])];
  const flags: Record<string, string[]> = {};
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const flag = known.find(({ name }) => name === token.name);
    const wrong = flag ? valueIssue(flag, token) : unknownFlag(token.rawName, known, spec);
    if (wrong) return err(usage([wrong], command));
    flags[token.name] = [...(flags[token.name] ?? []), token.value ?? ''];
  }
  const given: Arguments = { command, positionals: words.slice(1), flags };
  if (!spec || has(given, 'help') || has(given, 'version')) return ok(given);
  const issue = positionalIssue(spec, given.positionals);
  return issue ? err(usage([issue], command)) : ok(given);
}

/** Of two flags with one name, or one letter, the first one counts. */
function tokensOf(argv: readonly string[], flags: readonly Flag[]) {
  const letters = new Set<string>();
  const options: Record<string, { type: 'string' | 'boolean'; multiple: true; short?: string }> = {};
  for (const { name, short, value } of flags) {
    if (Object.hasOwn(options, name)) continue;
    const isFree = short !== undefined && !letters.has(short);
    if (isFree) letters.add(short);
    options[name] = { type: value ? 'string' : 'boolean', multiple: true, ...(isFree ? { short } : {}) };
  }
  return parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

const wordsOf = (tokens: ReturnType<typeof tokensOf>): string[] =>
  tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));

export const usage = (issues: readonly Issue[], command?: string): UsageError => ({
  ...invalid('invalid-request', issues),
  hint: `See \`quayside ${command === undefined ? '' : `${command} `}--help\`.`,
  ...(command === undefined ? {} : { command }),
});

function unknownCommand(given: string, commands: readonly CommandSpec[]): UsageError {
  const names = commands.map(({ name }) => name);
  const expected = `one of ${names.join(', ')}${didYouMean(given, names)}`;
  return usage([{ path: 'command', expected, received: JSON.stringify(given) }]);
}

function unknownFlag(raw: string, known: readonly Flag[], spec: CommandSpec | undefined): Issue {
  const names = known.map(({ name }) => `--${name}`);
  const of = spec ? ` of \`quayside ${spec.name}\`` : '';
  return { path: raw, expected: `a known flag${of}${didYouMean(raw, names)}`, received: 'an unknown one' };
}

interface OptionToken {
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function valueIssue(flag: Flag, token: OptionToken): Issue | undefined {
  const { rawName: path, value, inlineValue } = token;
  if (!flag.value) {
    return inlineValue ? { path, expected: 'no value', received: JSON.stringify(value) } : undefined;
  }
  if (value === undefined || value === '') return { path, expected: `a value <${flag.value}>`, received: 'nothing' };
  // `--limit --json`: what follows is a flag, and not the value that was forgotten.
  const isFlag = !inlineValue && /^-\D/.test(value);
  return isFlag ? { path, expected: `a value <${flag.value}>`, received: `the flag ${value}` } : undefined;
}

function positionalIssue(spec: CommandSpec, given: readonly string[]): Issue | undefined {
  const empty = given.findIndex((value) => value.trim() === '');
  const at = spec.arguments[empty];
  if (at) return { path: at.name, expected: at.expected, received: 'an empty text' };
  const missing = spec.arguments[given.length];
  if (missing && !missing.isOptional) return { path: missing.name, expected: missing.expected, received: 'nothing' };
  const extra = given[spec.arguments.length];
  if (extra === undefined) return undefined;
  const last = spec.arguments.at(-1);
  return {
    path: `argument ${spec.arguments.length + 1}`,
    expected: last ? `nothing behind <${last.name}>` : `no argument of \`quayside ${spec.name}\``,
    received: JSON.stringify(extra),
  };
}
