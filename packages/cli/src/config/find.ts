/** Where the configuration is: the file that was named, or the nearest one upwards. */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { err, ok, type Result } from 'neverthrow';
import { type ConfigError, configError } from './error.js';

export const EXTENSIONS = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs', 'json'] as const;
export const CONFIG_NAMES: readonly string[] = EXTENSIONS.map((extension) => `quayside.config.${extension}`);

export async function findConfig(named: string | undefined, cwd: string): Promise<Result<string, ConfigError>> {
  return named === undefined ? nearest(cwd) : given(resolve(cwd, named), named);
}

async function given(path: string, named: string): Promise<Result<string, ConfigError>> {
  const extension = path.slice(path.lastIndexOf('.') + 1);
  if (!EXTENSIONS.some((known) => known === extension)) {
    const expected = `a file that ends in .${EXTENSIONS.join(', .')}`;
    return err(configError([{ path: '--config', expected, received: JSON.stringify(named) }]));
  }
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return ok(path);
  const received = found ? `${path}, which is none` : `${path}, which does not exist`;
  return err(configError([{ path: '--config', expected: 'a file', received }]));
}

async function nearest(cwd: string): Promise<Result<string, ConfigError>> {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    // A folder that may not be read has none that could be used.
    const entries = await readdir(folder).catch((): string[] => []);
    const [first, second] = CONFIG_NAMES.filter((name) => entries.includes(name));
    if (first !== undefined && second !== undefined) {
      const received = `${first} and ${second} in ${folder}`;
      return err(configError([{ path: '--config', expected: 'the one of several that is meant', received }]));
    }
    if (first !== undefined) return ok(join(folder, first));
    if (dirname(folder) === folder) break;
  }
  const expected = `a ${CONFIG_NAMES[0]} (or ${EXTENSIONS.slice(1).join(', ')}) in ${cwd} or above it`;
  const error = configError([{ path: '--config', expected, received: 'nothing' }]);
  return err({ ...error, hint: 'See `quayside init --help`: it writes one.' });
}
