/**
 * Runs blocks of the pages, one after the other in one process: starting one takes longer than what most of them do. Each has a world of
 * its own (`site.ts`). Reads what to run as JSON from its first argument, and writes a line of JSON into its second one for each.
 */
import { appendFileSync, copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format, inspect } from 'node:util';
import { answered, openSite, type Site } from './site.js';
import { isTakenByTheApi, loads } from './typed.js';
import type { Exports, Use } from './use.js';
import { USES } from './uses/index.js';

export interface Played {
  readonly index: number;
  readonly wrong?: string;
}

export interface Part {
  readonly index: number;
  readonly id: string;
  /** A module, `.json` or `.sh`. */
  readonly file: string;
  /** What it has to print, to the letter. */
  readonly prints?: string;
}

const LIMIT_MS = 20_000;

const [plan = '', answers = ''] = process.argv.slice(2);
const parts = JSON.parse(readFileSync(plan, 'utf8')) as readonly Part[];
const write = process.stdout.write.bind(process.stdout);
for (const part of parts) {
  let wrong: string | undefined;
  try {
    await play(part, USES[part.id] ?? {});
  } catch (thrown) {
    wrong = thrown instanceof Error ? (thrown.stack ?? thrown.message) : inspect(thrown);
  }
  const played: Played = { index: part.index, ...(wrong === undefined ? {} : { wrong }) };
  appendFileSync(answers, `${JSON.stringify(played)}\n`);
}
process.exit(0);

async function play({ id, file, prints }: Part, use: Use): Promise<void> {
  const folder = join(dirname(file), `at-${id.replaceAll(/\W+/g, '-')}`);
  mkdirSync(folder, { recursive: true });
  const site = openSite(folder);
  const back = await surround(site, use, file);
  try {
    await limited('it', async () => {
      await use.before?.(site);
      if (file.endsWith('.json')) return loads(configIn(folder, file));
      if (file.endsWith('.sh')) return isTakenByTheApi(file, site);
      const exports = (await import(pathToFileURL(file).href)) as Exports;
      isTaken(exports, site);
      for (const { name, holds } of site.laws)
        await holds().catch((broken: Error) => Promise.reject(new Error(`The law "${name}": ${broken.message}`)));
      if (prints !== undefined) isPrinted(site.printed.join(''), prints);
      if (!use.shows && prints === undefined) throw new Error('nobody says what it has to show: test/docs/play/uses');
      await use.shows?.(exports, site);
    });
  } finally {
    await limited('its end', () => site.close()).finally(back);
  }
}

/** What it names is found from where it stands. */
function configIn(folder: string, file: string): string {
  const config = join(folder, 'quayside.config.json');
  copyFileSync(file, config);
  return config;
}

/** Its environment, its folder, what it declares, and what it prints. */
async function surround(site: Site, use: Use, file: string): Promise<() => void> {
  const before = { cwd: process.cwd(), argv: process.argv, env: { ...process.env } };
  const names = new Map<string, PropertyDescriptor | undefined>();
  const env = typeof use.env === 'function' ? await use.env(site) : use.env;
  const given = (await use.given?.(site)) ?? {};
  Object.assign(process.env, env);
  process.argv = [process.execPath, file, ...(use.argv ?? [])];
  process.chdir(site.folder);
  for (const [name, value] of Object.entries(given)) {
    names.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  const { log, error } = console;
  const say = (...args: unknown[]) => void site.printed.push(`${format(...args)}\n`);
  Object.assign(console, { log: say, error: say });
  process.stdout.write = ((text: string) => site.printed.push(text) > 0) as typeof process.stdout.write;
  return () => {
    Object.assign(console, { log, error });
    process.stdout.write = write;
    for (const [name, descriptor] of names) {
      Reflect.deleteProperty(globalThis, name);
      if (descriptor) Object.defineProperty(globalThis, name, descriptor);
    }
    process.removeAllListeners('SIGINT');
    process.argv = before.argv;
    process.env = before.env;
    process.chdir(before.cwd);
  };
}

/** A wrong option is an answer, and no exception: nobody would see it. */
function isTaken(exports: Exports, site: Site): void {
  for (const { name, made } of site.factories) if (made.isErr()) throw new Error(`${name}: ${made.error.message}`);
  for (const [name, value] of Object.entries(exports))
    for (const each of [value, ...(typeof value === 'object' && value !== null ? Object.values(value) : [])].flat())
      if (typeof each === 'object' && each !== null && answered(each) && each.isErr?.())
        throw new Error(`${name}: ${each.error.message}`);
}

function isPrinted(printed: string, expected: string): void {
  if (printed !== expected) throw new Error(`printed\n${printed}and not\n${expected}`);
}

async function limited(what: string, work: () => Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  try {
    await Promise.race([work(), limit]);
  } finally {
    clearTimeout(timer);
  }
}
