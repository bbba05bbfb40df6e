/**
 * `npm test [-- packages/core …]`: sees to what is needed (scripts/setup), then lint, types, build and every test in one run of
 * Vitest; what follows `--` goes to Vitest, mostly to name the files that are meant.
 *
 * The last line is `N passed, N failed, N skipped`: Vitest's own count, to which each broken check (lint, types, build, a test
 * file that could not run) adds one failure. Under CI a skipped test fails the run: there nothing has an excuse to be absent.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { explain, setUp, TEST_TOOLS } from './setup/index.mjs';
import { root, runNpm } from './setup/process.mjs';
import { since } from './setup/say.mjs';
import { tally } from './setup/tally.mjs';

const CHECK_LIMIT_MS = 180_000;
/** Of all tests together, also on a machine that has other things to do: two quiet cores need less than half. */
const TESTS_LIMIT_MS = 40 * 60_000;

const say = (line) => console.log(`test: ${line}`);
const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');

let verdict = { passed: 0, failed: 1, skipped: 0 };
let ok = false;
try {
  const workshop = await setUp({ engine: true, tools: TEST_TOOLS });
  try {
    ({ verdict, ok } = await testAll(workshop));
  } finally {
    await workshop.close();
  }
} catch (error) {
  console.error(explain(error));
}
console.log(`${verdict.passed} passed, ${verdict.failed} failed, ${verdict.skipped} skipped`);
process.exitCode = ok ? 0 : 1;

async function testAll(workshop) {
  const broken = [];
  const check = async (script) => {
    const startMs = performance.now();
    const { code, output } = await runNpm(['run', '--silent', script], { quiet: true, limitMs: CHECK_LIMIT_MS });
    say(`${script} ${code === 0 ? 'is clean' : 'FAILED'} (${since(startMs)})`);
    if (code === 0) return;
    broken.push(script);
    console.log(output.trim());
  };
  // Neither needs the other, and there are two cores at least.
  await Promise.all([check('build'), check('lint').then(() => check('typecheck'))]);

  const { report, code } = await runVitest(workshop);
  const { counts, notes, fine } = tally({ report, code, inCi });
  for (const note of notes) say(note.replaceAll(root, ''));
  for (const script of broken) say(`${script} failed: its output stands above the tests`);
  return { verdict: { ...counts, failed: counts.failed + broken.length }, ok: fine && broken.length === 0 };
}

/** One run over all projects, told on the terminal as it goes and counted from its report. */
async function runVitest(workshop) {
  const directory = mkdtempSync(join(tmpdir(), 'quayside-report-'));
  try {
    const reportPath = join(directory, 'report.json');
    const vitest = relative(root, join(root, 'node_modules/vitest/vitest.mjs'));
    const { code, timedOut } = await workshop.run(
      process.execPath,
      [
        vitest,
        'run',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${reportPath}`,
        ...process.argv.slice(2),
      ],
      { limitMs: TESTS_LIMIT_MS },
    );
    if (timedOut) say(`the tests were ended after ${TESTS_LIMIT_MS / 60_000} minutes`);
    return { code, report: readReport(reportPath) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // It died before it wrote one: the tally calls that a failure.
    return undefined;
  }
}
