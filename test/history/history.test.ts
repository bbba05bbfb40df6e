/** The short form of `npm run bench:history`: what it says of the way, and not how long that takes, which is for a quiet machine. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

it('finds the newest 50 of a stage by its index, on both stores', () => {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'bench/history.ts', '--deployments', '3000', '--entries', '3', '--rounds', '20'],
    { cwd: root, encoding: 'utf8', timeout: 110_000 },
  );
  expect(stderr).toBe('');
  const lines = stdout.trim().split('\n');
  expect(lines[0]).toBe('3000 deployments, 9000 log entries');
  expect(lines.filter((line) => line.startsWith('plan: '))).toEqual([
    expect.stringMatching(/^plan: sqlite: SEARCH deployments USING INDEX deployments_by_stage_key \(stage_key=\?\)$/),
    expect.stringMatching(
      /^plan: postgres: Limit -> {2}Index Scan Backward using deployments_by_stage_key on deployments/,
    ),
  ]);
  for (const kind of ['sqlite', 'postgres'])
    expect(lines.filter((line) => new RegExp(`^${kind} .* of 3000: \\d+\\.\\d\\dx \\(n=20`).test(line))).toHaveLength(
      2,
    );
  const worst = /^history: newest 50 at 3000 deployments (\d+\.\d)x of 1000$/.exec(lines.at(-1) ?? '')?.[1];
  expect(Number(worst)).toBeGreaterThan(0);
}, 120_000);
