/** The short form of `npm run test:simulate`, and what it stands on: that one seed is one run. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundle } from './bundle.js';

const folder = mkdtempSync(join(tmpdir(), 'quayside-simulate-'));
const file = join(folder, 'simulate.mjs');
const simulate = async (...args: readonly string[]) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--max-semi-space-size=64', file, ...args], {
    timeout: 140_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.trimEnd().split('\n');
};

beforeAll(() => bundle(fileURLToPath(new URL('main.ts', import.meta.url)), file));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('keeps every promise in a few hundred worlds', { timeout: 150_000 }, async () => {
  const last = (await simulate('--seeds', '300')).at(-1);
  expect(last).toMatch(/^simulate: 300 seeds, 0 broken promises, \d+ faults, \d+ kills, \d+\/s$/);
  const [, faults, kills] = /(\d+) faults, (\d+) kills/.exec(last ?? '') ?? [];
  // Worlds in which nothing goes wrong prove nothing.
  expect(Number(faults)).toBeGreaterThan(300);
  expect(Number(kills)).toBeGreaterThan(50);
});

it('one seed is one run, bit for bit: in another process, in another order, and with the AbortController of Node', async () => {
  const hashes = async (...args: readonly string[]) =>
    (await simulate('--hashes', ...args)).filter((line) => /^\d+ [0-9a-f]{16}$/.test(line));
  const all = await hashes('--seeds', '60');
  expect(new Set(all.map((line) => line.split(' ')[1])).size).toBe(60);
  expect(await hashes('--seeds', '20', '--from', '21')).toEqual(all.slice(20, 40));
  expect(await hashes('--seeds', '60', '--native')).toEqual(all);
}, 150_000);
