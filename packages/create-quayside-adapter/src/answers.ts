/** What is wanted: from the flags, and where somebody sits at a terminal from questions about the rest. */
import type { Readable, Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { cancel, intro, isCancel, select, text } from '@clack/prompts';
import { NAME_EXPECTED, namesOf } from './names.js';
import { PORTS, portOf } from './ports.js';
import { packageNameOf, portExpected, ScaffoldError, type ScaffoldOptions } from './scaffold.js';

export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
}

export type Answers =
  | { readonly kind: 'scaffold'; readonly options: ScaffoldOptions }
  | { readonly kind: 'help' | 'version' | 'cancelled' };

const FLAGS = {
  port: { type: 'string', short: 'p' },
  name: { type: 'string', short: 'n' },
  directory: { type: 'string', short: 'd' },
  package: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/**
 * @param terminal where questions can be asked; undefined: what the flags do not say is an error
 * @throws ScaffoldError for flags that are wrong or missing
 */
export async function answersOf(argv: readonly string[], terminal: Terminal | undefined): Promise<Answers> {
  const { values, positionals } = parse(argv);
  if (values.help) return { kind: 'help' };
  if (values.version) return { kind: 'version' };
  const [positional, ...more] = positionals;
  if (more.length > 0) throw new ScaffoldError(`directory: expected one, got ${positionals.join(' and ')}.`, HELP_HINT);
  const given = { ...values, directory: values.directory ?? positional };
  const asked = terminal ? await ask(given, terminal) : given;
  if (asked === undefined) return { kind: 'cancelled' };
  const { port, name, directory } = asked;
  if (port === undefined) throw new ScaffoldError(`--port: expected one of ${portExpected()}, got nothing.`, HELP_HINT);
  if (name === undefined) throw new ScaffoldError(`--name: expected ${NAME_EXPECTED}, got nothing.`, HELP_HINT);
  return {
    kind: 'scaffold',
    options: {
      port,
      name,
      ...(directory === undefined ? {} : { directory }),
      ...(values.package === undefined ? {} : { packageName: values.package }),
    },
  };
}

const HELP_HINT = 'Look at --help.';

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS, allowPositionals: true });
  } catch (error) {
    const [message = ''] = (error as Error).message.split('. ');
    throw new ScaffoldError(`${message.replace(/\.$/, '')}.`, HELP_HINT);
  }
}

interface Given {
  readonly port?: string | undefined;
  readonly name?: string | undefined;
  readonly directory?: string | undefined;
  readonly package?: string | undefined;
}

/** Asks for what was not given; undefined where it was broken off. */
async function ask(given: Given, terminal: Terminal): Promise<Given | undefined> {
  if (given.port !== undefined && given.name !== undefined) return given;
  intro('An adapter for Quayside', terminal);
  const port =
    given.port ??
    (await select({
      ...terminal,
      message: 'Which port?',
      options: PORTS.map(({ key, type, purpose }) => ({ value: key as string, label: type, hint: purpose })),
    }));
  if (isCancel(port)) return brokenOff(terminal);
  const name =
    given.name ??
    (await text({
      ...terminal,
      message: 'For which product?',
      placeholder: 'kong-gateway',
      validate: (value) => (value && namesOf(value) ? undefined : `Expected ${NAME_EXPECTED}.`),
    }));
  if (isCancel(name)) return brokenOff(terminal);
  const chosen = portOf(port);
  const initialValue = chosen ? (given.package ?? packageNameOf(name, chosen)).replace(/^.*\//, '') : name;
  const directory = given.directory ?? (await text({ ...terminal, message: 'Into which directory?', initialValue }));
  if (isCancel(directory)) return brokenOff(terminal);
  return { ...given, port, name, directory };
}

function brokenOff(terminal: Terminal): undefined {
  cancel('Nothing was made.', terminal);
  return undefined;
}
