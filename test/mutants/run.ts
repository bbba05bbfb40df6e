/**
 * `npm run test:mutants [-- --only TEXT] [--every N]`: puts one defect after the other into the core (a bundle of its own each, the
 * sources stay as they are) and lets the simulation look for it, until a promise is broken. One that nobody notices fails the run.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Plugin } from 'esbuild';
import { bundle } from '../simulate/bundle.js';
import { MUTANTS, type Mutant } from './mutants.js';

const CORE = fileURLToPath(new URL('../../packages/core/src/', import.meta.url));
const MAIN = fileURLToPath(new URL('../simulate/main.ts', import.meta.url));
/** Seeds that a mutant has to be caught by, and the longest that this may take. */
const SEEDS = 3_000;
const LIMIT_MS = 300_000;
const AT_ONCE = 2;

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, every: { type: 'string', default: '1' } },
});

/** @returns how it was caught; undefined: it was not */
async function hunt(mutant: Mutant, folder: string, number: number): Promise<string | undefined> {
  const file = join(folder, `mutant-${number}.mjs`);
  await bundle(MAIN, file, [exchange(mutant)]);
  return new Promise((resolve) => {
    const args = ['--max-semi-space-size=64', file, '--seeds', String(SEEDS), '--until-broken'];
    execFile(process.execPath, args, { timeout: LIMIT_MS, maxBuffer: 16 * 1024 * 1024 }, (error, stdout) => {
      const broken = stdout.split('\n').find((line) => line.startsWith('seed '));
      // One that was stopped was not caught; one that does not even run is noticed by anybody.
      const isCrash = error !== null && !error.killed && typeof error.code === 'number';
      resolve(broken ?? (isCrash ? 'it does not run' : undefined));
    });
  });
}

function exchange({ file, text, by }: Mutant): Plugin {
  return {
    name: 'mutant',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (path !== join(CORE, file)) return undefined;
        return { contents: readFileSync(path, 'utf8').replace(text, () => by), loader: 'ts' };
      });
    },
  };
}

/** A text that is there not at all, or more than once, changes nothing that anybody meant. */
function misfits(mutants: readonly Mutant[]): string[] {
  return mutants.flatMap(({ name, file, text }) => {
    const times = readFileSync(join(CORE, file), 'utf8').split(text).length - 1;
    return times === 1 ? [] : [`"${name}" does not fit: its text is ${times} times in ${file}`];
  });
}

const wrong = misfits(MUTANTS);
for (const line of wrong) console.error(`mutants: ${line}`);
const every = Number(values.every);
const chosen = MUTANTS.filter(({ name }, number) => name.includes(values.only) && number % every === 0);
const folder = mkdtempSync(join(tmpdir(), 'quayside-mutants-'));
let caught = 0;
const waiting = [...chosen.entries()];
const work = async () => {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const [number, mutant] = next;
    const how = await hunt(mutant, folder, number);
    if (how !== undefined) caught += 1;
    console.log(
      `${how === undefined ? 'SURVIVES' : 'caught  '}  ${mutant.name}${how === undefined ? '' : ` (${how.slice(0, 140)})`}`,
    );
  }
};
try {
  if (wrong.length === 0) await Promise.all(Array.from({ length: AT_ONCE }, work));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`mutants: ${caught}/${chosen.length} caught`);
process.exitCode = wrong.length === 0 && caught === chosen.length ? 0 : 1;
