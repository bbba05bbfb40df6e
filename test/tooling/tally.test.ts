/** The last line of `npm test` leaves no failure out, whatever kind it is of: held by runs of the real Vitest. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../packed/pack.js';

interface Tally {
  readonly counts: { readonly passed: number; readonly failed: number; readonly skipped: number };
  readonly notes: readonly string[];
  readonly fine: boolean;
}
// The scripts are plain JavaScript: they run before anything is installed.
const { tally }: { tally: (run: { report: unknown; code: number; inCi: boolean }) => Tally } = await import(
  join(root, 'scripts/setup/tally.mjs')
);

const pass = "it('passes', () => {});";
let directory: string;
beforeAll(async () => {
  // Inside the workspace, so that Vitest is found.
  await mkdir(join(root, '.cache'), { recursive: true });
  directory = await mkdtemp(join(root, '.cache/tally-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function tallyOf(files: Readonly<Record<string, string>>, { inCi = false } = {}): Promise<Tally> {
  const project = await mkdtemp(join(directory, 'run-'));
  await writeFile(join(project, 'vitest.config.mjs'), 'export default { test: { include: ["*.test.mjs"] } };');
  const head = "import { beforeAll, describe, expect, it } from 'vitest';\n";
  for (const [name, text] of Object.entries(files)) await writeFile(join(project, `${name}.test.mjs`), head + text);
  const reportPath = join(project, 'report.json');
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', '--reporter=json', `--outputFile.json=${reportPath}`];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(VITEST|CI$)/.test(name)));
  const code = await new Promise<number>((resolve) => {
    execFile(process.execPath, args, { cwd: project, env, timeout: 60_000 }, (error) =>
      resolve(error ? Number(error.code ?? 1) : 0),
    );
  });
  const report = await readFile(reportPath, 'utf8').then(JSON.parse, () => undefined);
  return tally({ report, code, inCi });
}

describe('the tally of a run', () => {
  it('counts what passed, failed and was skipped, and is not fine with a failure', async () => {
    const text = `${pass} it('fails', () => expect(1).toBe(2)); it.skip('skipped', () => {}); it.todo('later');`;
    const { counts, fine } = await tallyOf({ some: text });
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 2 });
    expect(fine).toBe(false);
  });

  it('is fine with a skipped test, but not under CI, where it is named', async () => {
    const files = { some: `${pass} it.skip('needs a moon', () => {});` };
    expect(await tallyOf(files)).toMatchObject({ counts: { passed: 1, failed: 0, skipped: 1 }, fine: true });
    const inCi = await tallyOf(files, { inCi: true });
    expect(inCi).toMatchObject({ counts: { passed: 1, failed: 0, skipped: 1 }, fine: false });
    expect(inCi.notes.join()).toContain('needs a moon');
  });

  it.each([
    ['cannot be imported', `${pass} await import('./absent.mjs');`],
    ['has a hook that fails', `beforeAll(() => { throw new Error('no engine'); }); ${pass}`],
    [
      'has a suite whose hook fails',
      `describe('inner', () => { beforeAll(() => { throw new Error('no'); }); ${pass} });`,
    ],
    ['has no test', 'const nothing = 1;'],
  ])('counts a file that %s as a failure', async (_what, text) => {
    const { counts, notes, fine } = await tallyOf({ good: pass, bad: text });
    expect(counts).toMatchObject({ passed: 1, failed: 1 });
    expect(notes.join()).toContain('bad.test.mjs');
    expect(fine).toBe(false);
  });

  it('counts an error that no test owns', async () => {
    const text = `${pass} it('leaves something behind', () => { Promise.reject(new Error('nobody waits for me')); });`;
    const { counts, fine } = await tallyOf({ some: text });
    expect(counts).toEqual({ passed: 2, failed: 1, skipped: 0 });
    expect(fine).toBe(false);
  });

  it('counts a run without a test, and one without a report', async () => {
    expect(await tallyOf({})).toMatchObject({ counts: { passed: 0, failed: 1 }, fine: false });
    expect(tally({ report: undefined, code: 137, inCi: false })).toMatchObject({ counts: { failed: 1 }, fine: false });
  });

  it('is fine when all is well', async () => {
    expect(await tallyOf({ some: pass }, { inCi: true })).toEqual({
      counts: { passed: 1, failed: 0, skipped: 0 },
      notes: [],
      fine: true,
    });
  });
});
