/** What a command line may look like: data, from which it is read, checked and explained. */

/** What a word may be, for completing it: names that the store or the configuration knows, one of a list, or a file. */
export type Completes = 'project' | 'stage' | 'tag' | 'instance' | 'deployment' | 'file' | readonly string[];

export interface Flag {
  readonly name: string;
  readonly short?: string;
  /** What its value is called in the help; without one it is a switch. */
  readonly value?: string;
  /** It may be given several times. */
  readonly isMany?: boolean;
  readonly about: string;
  readonly completes?: Completes;
}

export interface Argument {
  readonly name: string;
  /** What was expected where it is missing. */
  readonly expected: string;
  readonly isOptional?: boolean;
  /** Several where the word may be any of them. */
  readonly completes?: readonly Completes[];
}

export interface CommandSpec {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** More, for the command's own help. */
  readonly about: readonly string[];
  readonly arguments: readonly Argument[];
  readonly flags: readonly Flag[];
  readonly examples: readonly string[];
  /** Lines below the usage that replaces the one made from the arguments, where several forms are possible. */
  readonly usage?: readonly string[];
}

/** For every command. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  {
    name: 'config',
    short: 'c',
    value: 'path',
    about: 'The configuration; default: found upwards from here',
    completes: 'file',
  },
  { name: 'json', about: 'One JSON object per line on stdout, and nothing else' },
  { name: 'verbose', about: 'Every entry of the log, not only the steps' },
  { name: 'no-color', about: 'No colours; NO_COLOR and FORCE_COLOR are heeded too' },
  { name: 'help', short: 'h', about: 'This help; --version answers the version' },
];

/** Understood everywhere, and told of beside the help. */
export const VERSION_FLAG: Flag = { name: 'version', about: 'The version' };

/** A command line that was understood. */
export interface Arguments {
  /** Undefined: none was named. */
  readonly command: string | undefined;
  readonly positionals: readonly string[];
  readonly flags: { readonly [name: string]: readonly string[] | undefined };
}

export const has = (given: Arguments, name: string): boolean => given.flags[name] !== undefined;

/** The last one given counts. */
export const flagValue = (given: Arguments, name: string): string | undefined => given.flags[name]?.at(-1);

export const usageOf = (spec: CommandSpec): readonly string[] =>
  spec.usage ?? [
    `quayside ${[spec.name, ...spec.arguments.map((each) => (each.isOptional ? `[${each.name}]` : `<${each.name}>`))].join(' ')}`,
  ];
