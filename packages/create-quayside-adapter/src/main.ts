/** The whole command: from its arguments to its exit code. */
import { relative } from 'node:path';
import { version } from '../package.json';
import { answersOf, type Terminal } from './answers.js';
import { PORTS } from './ports.js';
import { ScaffoldError, type Scaffolded, type ScaffoldOptions, scaffold } from './scaffold.js';

export interface Io {
  /** Undefined where nobody can be asked. */
  readonly terminal?: Terminal;
  readonly cwd: string;
  print(text: string): void;
  printError(text: string): void;
}

const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    const answers = await answersOf(argv, io.terminal);
    if (answers.kind === 'scaffold') io.print(await make(answers.options, io.cwd));
    if (answers.kind === 'help') io.print(HELP);
    if (answers.kind === 'version') io.print(version);
    return answers.kind === 'cancelled' ? FAILED : DONE;
  } catch (error) {
    if (error instanceof ScaffoldError) {
      io.printError(`${error.message}\n${error.hint}`);
      return WRONG_USAGE;
    }
    io.printError(`The package was not made: ${(error as Error).message}`);
    return FAILED;
  }
}

const make = async (options: ScaffoldOptions, cwd: string) => nextSteps(await scaffold({ ...options, cwd }), cwd);

const nextSteps = ({ directory, packageName, port, files }: Scaffolded, cwd: string): string =>
  [
    `${packageName}: ${files.length} files for a ${port.type} in ${directory}`,
    '',
    `  cd ${relative(cwd, directory) || '.'}`,
    '  npm install',
    '  npm run next    # the first law that is broken says what to implement',
    '',
    `The guide is ${port.guide} in Quayside's repository.`,
  ].join('\n');

const widest = Math.max(...PORTS.map(({ key }) => key.length));

const HELP = `create-quayside-adapter [directory] [options]

Makes a package for an adapter of Quayside: a place for every method of its port, and the laws that it has to keep.
What is not given is asked for at a terminal.

  -p, --port <port>       which port (below), or the name of its interface
  -n, --name <name>       the product's: traefik, kong-gateway
  -d, --directory <path>  where the package is made: absent or empty; default: its name
      --package <name>    of the package; default: quayside-{name}-{port}
  -h, --help              this text
      --version           of this command

Ports
${PORTS.map(({ key, type, purpose }) => `  ${key.padEnd(widest)}  ${type}: ${purpose}`).join('\n')}

Examples
  npm create quayside-adapter
  npm create quayside-adapter -- --port store --name mongo
  npm create quayside-adapter my-proxy -- -p proxy -n kong-gateway --package @you/quayside-kong`;
