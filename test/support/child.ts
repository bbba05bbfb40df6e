/** A node process of its own, what it says line by line, and how it ended. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export interface Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly lines: readonly string[];
  readonly errors: () => string;
  /** The exit code or the signal that ended it, once everything that it said was read. */
  readonly ended: Promise<number | string>;
}

/**
 * @param limitMs then it is killed, and has ended with `timeout`
 * @param within what to start it by, for another network than this one's: `PrivateEngine.within`
 */
export function startNode(args: readonly string[], limitMs: number, within: readonly string[] = []): Child {
  const [command = '', ...rest] = [...within, process.execPath, ...args];
  const child = spawn(command, rest, { stdio: 'pipe' });
  const lines: string[] = [];
  let partial = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (partial + text).split('\n');
    partial = parts.pop() ?? '';
    lines.push(...parts);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.stdin.on('error', () => {});
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, limitMs);
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve(isLate ? 'timeout' : (code ?? signal ?? 'unknown'));
    });
  });
  return { process: child, lines, errors: () => errors, ended };
}
