/** The script for bash, in bash: Tab completes what the command itself answers. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SCRIPTS } from '../src/completion/scripts.js';

const call = promisify(execFile);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quayside-completion-'));
  await mkdir(join(folder, 'bin'));
  // In place of the command: what is asked for it, and two candidates.
  const stand = `#!/bin/sh\necho "$@" >> ${folder}/asked\nprintf 'deploy\\tPut a tag on a stage\\ndeny\\tEnd one: that waits\\n'\n`;
  await writeFile(join(folder, 'bin/quayside'), stand, { mode: 0o755 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const env = () => ({ ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, HOME: folder });

it('completes in bash', async () => {
  const line = `${SCRIPTS.bash}
COMP_WORDS=(quayside de); COMP_CWORD=1; _quayside; printf '%s\\n' "\${COMPREPLY[@]}"; complete -p quayside`;
  const { stdout } = await call('bash', ['--norc', '-c', line], { env: env() });
  // What it was asked is the line up to the cursor.
  expect(await readFile(join(folder, 'asked'), 'utf8')).toBe('__complete de\n');
  expect(stdout).toBe('deploy\ndeny\ncomplete -o default -F _quayside quayside\n');
});
