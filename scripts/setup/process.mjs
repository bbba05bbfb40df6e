/**
 * Child processes with a bound. Each leads a process group of its own, so that what it started ends with it, and none outlives
 * the script: `endAll()` is called when the script is interrupted.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError } from './say.mjs';

/** The top of the repository. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** A login shell of an ordinary user leaves these out, and there dockerd and nginx live. */
const SYSTEM_PATHS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The environment that every child gets. */
export function environment(extra = {}) {
  const paths = (process.env.PATH ?? '').split(':').filter(Boolean);
  const missing = SYSTEM_PATHS.filter((path) => !paths.includes(path));
  return { ...process.env, PATH: [...paths, ...missing].join(':'), ...extra };
}

/** @returns {string | undefined} where a command is */
export function which(command) {
  return environment()
    .PATH.split(':')
    .map((directory) => join(directory, command))
    .find((path) => existsSync(path));
}

const running = new Set();
let ending = false;

/**
 * Runs a command to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, limitMs?: number, quiet?: boolean, holdLast?: boolean }} [options]
 *   `limitMs` default 10 minutes, after which the whole group is killed; `quiet` keeps the output for `output`, else it is
 *   passed on as it comes; `holdLast` passes its standard output on but for the last line, which is then the `output`
 * @returns {Promise<{ code: number, output: string, timedOut: boolean }>} `code` is 127 where the command does not exist, and
 *   128 where a signal ended it
 */
export function run(command, args, { cwd = root, env = {}, limitMs = 600_000, quiet = false, holdLast = false } = {}) {
  // A rejection, so that whoever goes on after an ended child passes through its `finally`.
  if (ending) return Promise.reject(new SetupError('Interrupted.', 'Run it again.'));
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: environment(env),
      detached: true,
      stdio: ['ignore', quiet || holdLast ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    });
    running.add(child);
    const chunks = [];
    let timedOut = false;
    if (holdLast) passOn(child.stdout, chunks);
    else for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => chunks.push(chunk));
    const timer = setTimeout(() => {
      timedOut = true;
      signalGroup(child, 'SIGKILL');
    }, limitMs);
    let exitCode;
    const settle = (code) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ code, output: Buffer.concat(chunks).toString(), timedOut });
    };
    child.once('error', (error) => {
      chunks.push(Buffer.from(error.message));
      settle(127);
    });
    child.once('exit', (code, signal) => {
      exitCode = signal ? 128 : (code ?? 1);
      // What it left behind in its group answers to nobody, and would hold the pipes open.
      signalGroup(child, 'SIGKILL');
    });
    child.once('close', () => settle(exitCode));
  });
}

/** Whole lines as they come, always one behind: the last one stays in `held`. */
function passOn(stream, held) {
  stream.on('data', (chunk) => {
    held.push(chunk);
    const all = Buffer.concat(held);
    const end = all.lastIndexOf(10, all.length - 2) + 1;
    if (end > 0) process.stdout.write(all.subarray(0, end));
    held.splice(0, held.length, all.subarray(end));
  });
}

/** npm as it runs us, else the one on the path. */
export function runNpm(args, options) {
  const cli = process.env.npm_execpath;
  return cli && /npm-cli\.c?js$/.test(cli)
    ? run(process.execPath, [cli, ...args], options)
    : run(npmBesideNode(), args, options);
}

function npmBesideNode() {
  const beside = join(dirname(process.execPath), 'npm');
  return which('npm') ?? beside;
}

/** Ends every child that still runs, and lets no other begin: asks first, kills after so long. */
export async function endAll(graceMs = 2_000) {
  ending = true;
  const left = [...running];
  for (const child of left) signalGroup(child, 'SIGTERM');
  const endMs = performance.now() + graceMs;
  while (running.size > 0 && performance.now() < endMs) await pause(20);
  for (const child of running) signalGroup(child, 'SIGKILL');
}

function signalGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error;
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
