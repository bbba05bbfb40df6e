/** `npm run test:adapters`, with less patience for what never ends. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('the laws catch every deliberate defect of an adapter, and say which rule it breaks', {
  timeout: 120_000,
}, async () => {
  const args = ['--import', 'tsx', 'test/adapters/run.ts', '--limit', '2000'];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    timeout: 110_000,
    maxBuffer: 16 * 1024 * 1024,
  });
  const lines = stdout.trim().split('\n');
  const [, caught = '0', all] = /^faulty adapters: (\d+)\/(\d+) caught$/.exec(lines.at(-1) ?? '') ?? [];
  expect(caught).toBe(all);
  expect(Number(caught)).toBeGreaterThanOrEqual(40);
  expect(lines.at(-2)).toMatch(/^right adapters: (\d+)\/\1 kept every law$/);
});
