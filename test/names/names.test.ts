import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('claims made-up owners that meet, in memory and at once on SQLite', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', 'test/names/run.ts', '--cases', '5000'],
    { timeout: 120_000 },
  );
  expect(stdout.trim().split('\n').at(-1)).toBe('names: 5000 cases, 0 invalid, 0 clashes');
}, 150_000);
