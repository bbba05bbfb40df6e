import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('shows no secret on any surface, whatever becomes of a deployment', async () => {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', 'test/secrets/run.ts', '--sample', '2'],
    { timeout: 100_000 },
  ).catch((failed: { stdout: string; stderr: string }) => failed);
  expect(stdout.trim().split('\n').at(-1), stderr).toMatch(/^secrets: \d+ surfaces x \d+ outcomes, 0 leaks$/);
  expect(stderr).toBe('');
}, 110_000);
