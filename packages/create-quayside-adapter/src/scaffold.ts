/** Makes the package: everything is checked before the first file is written, and nothing that is there is written over. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesOf, type Templates } from './files.js';
import { NAME_EXPECTED, namesOf } from './names.js';
import { PORTS, type Port, portOf } from './ports.js';

export interface ScaffoldOptions {
  /** A key of `PORTS` (`store`) or the name of its interface (`Store`). */
  readonly port: string;
  /** The product's, in lower-case words joined by '-': `kong-gateway`. */
  readonly name: string;
  /** Where the package is made; absent or empty. Default: the package's name, below `cwd`. */
  readonly directory?: string;
  /** Of the package. Default `quayside-{name}-{port}`. */
  readonly packageName?: string;
  /** What a relative directory is below. Default: the process's. */
  readonly cwd?: string;
}

export interface Scaffolded {
  /** Absolute. */
  readonly directory: string;
  readonly packageName: string;
  readonly port: Port;
  /** Paths inside the package. */
  readonly files: readonly string[];
}

/** What was asked for cannot be made; nothing was written. */
export class ScaffoldError extends Error {
  override readonly name = 'ScaffoldError';
  /** The option that is wrong, and what to do. */
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

const PACKAGE_NAME = /^(@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/;
const LONGEST_PACKAGE_NAME = 214;

export const packageNameOf = (name: string, port: Port): string => `quayside-${name}-${port.key}`;

export const portExpected = (): string => PORTS.map(({ key }) => key).join(', ');

/** @throws ScaffoldError for a wrong option, and where the directory holds something already */
export async function scaffold(options: ScaffoldOptions): Promise<Scaffolded> {
  const port = portOf(options.port);
  if (!port)
    throw new ScaffoldError(`port: expected one of ${portExpected()}, got "${options.port}".`, 'Choose a port.');
  const names = namesOf(options.name);
  if (!names)
    throw new ScaffoldError(`name: expected ${NAME_EXPECTED}, got "${options.name}".`, 'Choose another name.');
  const packageName = options.packageName ?? packageNameOf(names.kebab, port);
  if (!PACKAGE_NAME.test(packageName) || packageName.length > LONGEST_PACKAGE_NAME)
    throw new ScaffoldError(
      `package: expected a name that npm takes, such as @you/quayside-${names.kebab}, got "${packageName}".`,
      'Choose another name for the package.',
    );
  const base = options.cwd ?? process.cwd();
  const directory = resolve(base, options.directory ?? packageName.replace(/^.*\//, ''));
  const there = await entriesOf(directory);
  if (there.length > 0)
    throw new ScaffoldError(
      `directory: expected an absent or empty one, and ${directory} holds ${there.slice(0, 3).join(', ')}.`,
      'Choose another directory, or empty it.',
    );
  const files = filesOf({ port, names, packageName }, await readTemplates(port));
  for (const [path, text] of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text, { flag: 'wx' });
  }
  return { directory, packageName, port, files: [...files.keys()] };
}

async function entriesOf(directory: string): Promise<readonly string[]> {
  try {
    // A fresh repository is as good as empty.
    return (await readdir(directory)).filter((name) => name !== '.git');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    if (code === 'ENOTDIR')
      throw new ScaffoldError(
        `directory: expected a directory, and ${directory} is a file.`,
        'Choose another directory.',
      );
    throw error;
  }
}

/** Beside what is built; in the sources beside `src`. */
function templateFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const built = join(here, 'templates');
  return existsSync(built) ? built : join(here, '../assets/templates');
}

async function readTemplates({ key }: Port): Promise<Templates> {
  const read = (path: string) => readFile(join(templateFolder(), path), 'utf8');
  const [adapter, subject, notImplemented, laws, tsupConfig, vitestConfig] = await Promise.all([
    read(`${key}/adapter.ts`),
    read(`${key}/subject.ts`),
    read('not-implemented.ts'),
    read('laws.ts'),
    read('tsup.config.ts'),
    read('vitest.config.ts'),
  ]);
  return { adapter, subject, notImplemented, laws, tsupConfig, vitestConfig };
}
