/**
 * Runs a bench as users run the code: one plain file, without what a loader adds to each function and to each error's stack.
 *
 *   node --import tsx bench/run.ts bench/deploy.ts [its options]
 */
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundled } from '../test/support/bundle.js';

const [script = '', ...args] = process.argv.slice(2);
const path = await bundled(pathToFileURL(resolve(script)));
const child = spawn(process.execPath, [path, ...args], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.on('exit', async (code) => {
  await rm(path, { force: true });
  process.exit(code ?? 1);
});
