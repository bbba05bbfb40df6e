/** What a word that is being typed may be: from the words before it alone. */
import {
  type Argument,
  type Arguments,
  type CommandSpec,
  type Completes,
  type Flag,
  GLOBAL_FLAGS,
} from '../arguments/grammar.js';
import { parseArguments } from '../arguments/parse.js';

export type Wanted =
  | { readonly kind: 'commands' }
  | { readonly kind: 'flags'; readonly command: CommandSpec | undefined; readonly given: ReadonlySet<string> }
  | { readonly kind: 'values'; readonly of: readonly Completes[]; readonly before: readonly string[] }
  | { readonly kind: 'nothing' };

/** @param words all of the command line's behind `quayside`; the last one is being typed */
export function wantedOf(words: readonly string[], specs: readonly CommandSpec[]): Wanted {
  const before = words.slice(0, -1);
  const word = words.at(-1) ?? '';
  const last = before.at(-1);
  const flags = (spec: CommandSpec | undefined): readonly Flag[] => [...GLOBAL_FLAGS, ...(spec?.flags ?? [])];
  const { command, spec, positionals, given } = read(before, specs);
  const named = (words: readonly string[]) => words.filter((_, index) => !isFixed(spec?.arguments[index]));
  const awaits = last?.startsWith('-')
    ? flags(spec).find((flag) => flag.value && names(flag).includes(last))
    : undefined;
  if (awaits)
    return {
      kind: 'values',
      of: awaits.completes ? [awaits.completes] : ['file'],
      before: named(read(before.slice(0, -1), specs).positionals),
    };
  if (word.startsWith('-')) return { kind: 'flags', command: spec, given };
  if (!spec) return { kind: command === undefined ? 'commands' : 'nothing' };
  const argument = spec.arguments[positionals.length];
  if (!argument) return { kind: 'flags', command: spec, given };
  return argument.completes
    ? { kind: 'values', of: argument.completes, before: named(positionals) }
    : { kind: 'nothing' };
}

/** One of a few words: it names nothing that another word could be of. */
const isFixed = (argument: Argument | undefined): boolean =>
  argument?.completes?.every((each) => typeof each !== 'string') ?? false;

const names = ({ name, short }: Flag): string[] => [`--${name}`, ...(short ? [`-${short}`] : [])];

interface Read {
  /** As it was typed, whether there is one of that name or not. */
  readonly command: string | undefined;
  readonly spec: CommandSpec | undefined;
  readonly positionals: readonly string[];
  readonly given: ReadonlySet<string>;
}

/** As the command will read it; what is not whole yet is no error here. */
function read(words: readonly string[], specs: readonly CommandSpec[]): Read {
  // Whoever asks for help may leave out the rest.
  const parsed = parseArguments([...words, '--help'], specs);
  const { command, positionals, flags }: Arguments = parsed.unwrapOr({
    command: words.find((word) => !word.startsWith('-')),
    positionals: [],
    flags: {},
  });
  return { command, spec: specs.find(({ name }) => name === command), positionals, given: new Set(Object.keys(flags)) };
}
