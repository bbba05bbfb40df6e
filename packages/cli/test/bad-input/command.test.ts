/** Whatever is wrong with a command line or a configuration: one clear error, exit code 2, and nothing was touched. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { objects, quayside } from '../support/cli.js';
import { COMMAND_CASES } from './command-cases.js';
import type { Outcome } from './run-cases.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const outcomes = new Map<string, Outcome>();
beforeAll(async () => {
  const script = fileURLToPath(new URL('./run-cases.ts', import.meta.url));
  const tsx = pathToFileURL(`${root}node_modules/tsx/dist/loader.mjs`).href;
  const env = { ...process.env, TSX_TSCONFIG_PATH: `${root}tsconfig.json` };
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', tsx, script], { env, timeout: 110_000 });
  for (const outcome of objects(stdout) as unknown as Outcome[]) outcomes.set(outcome.name, outcome);
});

describe('through the command', () => {
  it('has at least 60 cases, each with a name of its own', () => {
    expect(new Set(COMMAND_CASES.map(({ name }) => name)).size).toBe(COMMAND_CASES.length);
    expect(COMMAND_CASES.length).toBeGreaterThanOrEqual(60);
  });

  it.each(COMMAND_CASES)('$name', ({ name, names, expects }) => {
    const outcome = outcomes.get(name);
    expect(outcome).toMatchObject({ code: 2, stdout: '', engineChanges: 0 });
    expect(outcome?.records ?? 0).toBe(0);
    const text = outcome?.stderr ?? '';
    expect(text.match(/^error:/gm)).toHaveLength(1);
    // One thing is wrong, and one thing is said to be wrong.
    expect(text, text).not.toMatch(/^ {2}[·-] /m);
    expect(text.split('\n').length).toBeLessThanOrEqual(4);
    expect(text).toContain(names);
    expect(text).toMatch(expects);
    expect(text).not.toMatch(/undefined|\[object|NaN|\n {4}at /);
  });
});

describe('as a process', () => {
  it('exits with 2, and tells machines in their own way', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'quayside-bad-'));
    try {
      const plain = await quayside(['deploy', 'shop'], { cwd });
      expect(plain).toMatchObject({ code: 2, stdout: '' });
      expect(plain.stderr).toContain('error: stage: expected the name of a stage, got nothing');
      const { code, stdout, stderr } = await quayside(['deploy', 'shop', 'dev', 'v1', '--json'], { cwd });
      expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
      expect(objects(stdout)).toMatchObject([
        {
          type: 'error',
          exitCode: 2,
          error: {
            kind: 'invalid-config',
            issues: [{ path: '--config' }],
            hint: expect.stringContaining('quayside init'),
          },
        },
      ]);
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  });
});
