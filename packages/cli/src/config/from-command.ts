/**
 * A value of the environment from a command, asked at each deployment: `op read …`, `vault kv get …`, `pass show …`, `sops -d …`.
 *
 * The command is started without a shell, so nothing in its words is expanded. What it prints is the value, without the newline at its
 * end; what it complains about is shown, except where that repeats what it has printed.
 */
import { spawn } from 'node:child_process';
import { type EnvValue, QuaysideError } from '@quayside/core';

/** Longer ones are no values of an environment. */
const OUTPUT_BYTES_MAX = 1024 * 1024;
const COMPLAINT_BYTES_MAX = 4_096;
const COMPLAINT_LENGTH = 300;

type EnvFunction = Extract<EnvValue, (...args: never) => unknown>;

/**
 * ```ts
 * env: { DATABASE_URL: fromCommand(['op', 'read', 'op://apps/shop/database-url']) }
 * ```
 * The command gets this process's environment, and `QUAYSIDE_PROJECT`, `QUAYSIDE_STAGE`, `QUAYSIDE_TAG` and `QUAYSIDE_NAME`. It may take as
 * long as any `env` function, and is killed then. A word of its own that is a secret would be seen in the list of processes.
 */
export function fromCommand(command: readonly [string, ...string[]]): EnvFunction {
  const [file, ...args] = command;
  return async ({ project, stage, tag, name, signal }) => {
    const about = { QUAYSIDE_PROJECT: project, QUAYSIDE_STAGE: stage, QUAYSIDE_TAG: tag, QUAYSIDE_NAME: name };
    const ended = await run(file, args, { ...process.env, ...about }, signal);
    if (ended.output.length > OUTPUT_BYTES_MAX) throw failed(file, 'printed more than 1 MB', '');
    const value = ended.output.toString('utf8');
    if (ended.problem !== null) throw failed(file, ended.problem, complaintOf(ended.complaint.toString('utf8'), value));
    return value.replace(/\r?\n$/, '');
  };
}

interface Ended {
  /** Null: it ended well. */
  readonly problem: string | null;
  readonly output: Buffer;
  readonly complaint: Buffer;
}

function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve) => {
    const output: Buffer[] = [];
    const complaint: Buffer[] = [];
    let size = 0;
    const end = (problem: string | null) =>
      resolve({ problem, output: Buffer.concat(output), complaint: Buffer.concat(complaint) });
    const child = spawn(file, args, { env, signal, killSignal: 'SIGKILL', stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      output.push(chunk);
      if (size > OUTPUT_BYTES_MAX) child.kill('SIGKILL');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (complaint.reduce((sum, each) => sum + each.length, 0) < COMPLAINT_BYTES_MAX) complaint.push(chunk);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') end('is not there');
      else
        end(
          signal.aborted ? 'was stopped, as its time was over' : `could not be started (${error.code ?? error.name})`,
        );
    });
    child.on('close', (code, killed) => {
      if (code === 0) end(null);
      else end(killed === null ? `ended with exit code ${code}` : `was ended by ${killed}`);
    });
  });
}

/** Of what it said on stderr one line, without what it had printed as the value. */
function complaintOf(text: string, value: string): string {
  const printed = [value.trim(), ...value.split(/\s+/)].filter((each) => each.length > 0);
  const hidden = [...new Set(printed)].sort((a, b) => b.length - a.length);
  const shown = hidden.reduce((out, each) => out.replaceAll(each, '***'), text);
  return shown
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, COMPLAINT_LENGTH);
}

const failed = (file: string, problem: string, complaint: string): QuaysideError =>
  new QuaysideError({
    kind: 'secret-unreadable',
    message: `The command ${file} ${problem}${complaint === '' ? '' : `: ${complaint}`}.`,
    hint: `Run ${file} yourself as this user, and see that it prints the value and nothing else.`,
    retryable: false,
  });
