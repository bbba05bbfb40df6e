/** Loads a configuration file and answers the options of a Deployer. They are checked by `createDeployer`, all at once. */
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { DeployerOptions } from '@quayside/core';
import { err, ok, type Result } from 'neverthrow';
import { type ConfigError, configError } from './error.js';
import { importModule } from './import-module.js';
import { optionsOfJson } from './json.js';

/** How long a configuration may take that asks somebody for its secrets, in milliseconds. */
const LOAD_MS = 30_000;

export interface LoadedConfig {
  readonly file: string;
  readonly options: DeployerOptions;
}

export async function loadConfig(
  file: string,
  env: { readonly [name: string]: string | undefined },
  limitMs = LOAD_MS,
): Promise<Result<LoadedConfig, ConfigError>> {
  const given = file.endsWith('.json') ? await readJson(file) : await exported(file, limitMs);
  if (given.isErr()) return err(given.error);
  const value = given.value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const path = file.endsWith('.json') ? basename(file) : 'default export';
    const expected = file.endsWith('.json')
      ? 'an object'
      : 'the options of a Deployer, or a function that answers them';
    return err(configError([{ path, expected, received: kindOf(value) }], file));
  }
  if (!file.endsWith('.json')) return ok({ file, options: value as DeployerOptions });
  const options = await optionsOfJson(value as Record<string, unknown>, env, dirname(file));
  return options.map((checked) => ({ file, options: checked })).mapErr((error) => ({ ...error, file }));
}

async function readJson(file: string): Promise<Result<unknown, ConfigError>> {
  try {
    return ok(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    return err(unloadable(file, 'JSON that can be read', cause));
  }
}

async function exported(file: string, limitMs: number): Promise<Result<unknown, ConfigError>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${limitMs / 1_000} s`)), limitMs);
  });
  const load = async () => {
    const value = configIn(await importModule(file));
    return typeof value === 'function' ? await (value as () => unknown)() : await value;
  };
  try {
    return ok(await Promise.race([load(), limit]));
  } catch (cause) {
    return err(unloadable(file, 'a file that can be loaded', cause));
  } finally {
    clearTimeout(timer);
  }
}

/** The default export, or what `module.exports` is, whichever kind of module it was. */
function configIn(module: unknown): unknown {
  if (typeof module !== 'object' || module === null) return module;
  if ('default' in module) return module.default;
  return 'runtime' in module || 'store' in module || 'projects' in module ? module : undefined;
}

/** The first lines of what it threw: the place of a syntax error is in them, the stack is not for those who configure. */
function unloadable(file: string, expected: string, cause: unknown): ConfigError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(Require stack:|- \/)/.test(line));
  const received = lines.slice(0, 2).join(' ');
  return configError([{ path: basename(file), expected, received: received || 'an error without words' }], file, cause);
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? `an array of ${value.length}` : `a ${typeof value}`;
}
