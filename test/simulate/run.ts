/** Runs the simulation's command (`main.ts`) as one file, in a process of its own. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.js';

const folder = mkdtempSync(join(tmpdir(), 'quayside-simulate-'));
const file = join(folder, 'simulate.mjs');
await bundle(fileURLToPath(new URL('main.ts', import.meta.url)), file);
// A larger nursery: what a seed makes is garbage when the next one begins.
const child = spawn(
  process.execPath,
  ['--max-semi-space-size=128', '--enable-source-maps', file, ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.on('close', (code) => {
  rmSync(folder, { recursive: true, force: true });
  process.exitCode = code ?? 1;
});
