/** The short form of `npm run test:mutants`: a few of the defects, each of which a few worlds notice. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('notices a handful of deliberate defects of the core', { timeout: 150_000 }, async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', 'test/mutants/run.ts', '--every', '6'],
    { timeout: 140_000 },
  );
  expect(stdout.trim().split('\n').at(-1)).toMatch(/^mutants: (\d+)\/\1 caught$/);
});
