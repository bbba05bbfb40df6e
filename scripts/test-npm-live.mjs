/**
 * `NPM_URL= NPM_IDENTITY= NPM_SECRET= npm run test:npm-live`: the npm-adapter's tests against a live Nginx Proxy Manager.
 *
 * Only domains under `.quayside.test` are made there, and removed again; the last test looks whether everything else is as it was.
 * The last line is `N passed, N failed, N skipped`; skipped is what a live one cannot be made to do. Without its address and a login
 * it says what to set and leaves with 2.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { explain, setUp } from './setup/index.mjs';
import { root } from './setup/process.mjs';
import { tally } from './setup/tally.mjs';

const LIMIT_MS = 15 * 60_000;

const USAGE = `npm run test:npm-live needs a live Nginx Proxy Manager:

  NPM_URL=http://127.0.0.1:81 NPM_IDENTITY=quayside@example.com NPM_SECRET=… npm run test:npm-live

  NPM_URL         the address of its web page
  NPM_IDENTITY    the e-mail address of a user that may manage proxy hosts, without two-factor login
  NPM_SECRET      that user's password
  NPM_FRONT_DOOR  where plain HTTP comes in; default: port 80 of the same host
  NPM_APP_HOST    an address of this machine that the proxy reaches, for the tests' own small apps; default: the one that faces
                  NPM_URL. Set it where the proxy runs in a container of this machine: 172.17.0.1 with Docker's own bridge.

It makes proxy hosts under .quayside.test, removes them, and leaves all others alone.`;

const missing = ['NPM_URL', 'NPM_IDENTITY', 'NPM_SECRET'].filter((name) => !process.env[name]);
if (missing.length > 0) {
  console.error(`${USAGE}\n\nNot set: ${missing.join(', ')}`);
  process.exitCode = 2;
} else {
  process.exitCode = await testLive();
}

async function testLive() {
  let verdict = { counts: { passed: 0, failed: 1, skipped: 0 }, notes: [], fine: false };
  try {
    const workshop = await setUp();
    try {
      verdict = await runSuite(workshop);
    } finally {
      await workshop.close();
    }
  } catch (error) {
    console.error(explain(error));
  }
  const { counts, notes, fine } = verdict;
  for (const note of notes) console.log(`test: ${note.replaceAll(root, '')}`);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return fine ? 0 : 1;
}

async function runSuite(workshop) {
  const directory = mkdtempSync(join(tmpdir(), 'quayside-report-'));
  try {
    const reportPath = join(directory, 'report.json');
    const vitest = relative(root, join(root, 'node_modules/vitest/vitest.mjs'));
    const config = 'packages/npm-adapter/test/live/vitest.config.ts';
    const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${reportPath}`];
    const args = [vitest, 'run', '--config', config, ...reporters, ...process.argv.slice(2)];
    const { code } = await workshop.run(process.execPath, args, { limitMs: LIMIT_MS });
    return tally({ report: readReport(reportPath), code, inCi: false });
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
