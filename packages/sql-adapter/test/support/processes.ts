import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { bundled } from '../../../../test/support/bundle.js';

// Split, since a driver has to be loaded when its store is opened, and not before.
const CHILD = await bundled(new URL('child.ts', import.meta.url), true);
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

export interface Child {
  readonly process: ChildProcess;
  /** What it has said so far. */
  readonly lines: string[];
  /** Its exit code, or the signal that ended it; within 50 s. */
  readonly ended: Promise<number | string>;
  /** Until it has said so many lines; within 30 s. */
  said(count: number): Promise<string[]>;
}

export interface ChildOptions {
  readonly node?: readonly string[];
  /** Runs under this user. */
  readonly uid?: number;
  /** A shell command that runs it in the end, as `ulimit -f 100; exec "$@"`. */
  readonly shell?: string;
}

/** Runs the child's work in a process of its own, which does not outlive the test. */
export function child(what: string, args: readonly string[], { node = [], uid, shell }: ChildOptions = {}): Child {
  const command = [process.execPath, ...node, CHILD, what, ...args];
  const [file = '', ...rest] = shell ? ['/bin/sh', '-c', shell, 'sh', ...command] : command;
  const running = spawn(file, rest, {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const lines: string[] = [];
  let partial = '';
  let errors = '';
  const waiting: { count: number; resolve: (lines: string[]) => void }[] = [];
  const tell = () => {
    for (const each of waiting) if (lines.length >= each.count) each.resolve(lines);
  };
  running.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (partial + text).split('\n');
    partial = parts.pop() ?? '';
    lines.push(...parts);
    tell();
  });
  running.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const exit = new Promise<number | string>((resolve) => {
    running.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  const kill = () => running.exitCode === null && running.signalCode === null && running.kill('SIGKILL');
  onTestFinished(async () => {
    kill();
    await exit;
  });
  return {
    process: running,
    lines,
    ended: bounded(exit, 50_000, () => `${what} has not ended: ${lines.slice(-3).join(' ')} ${errors}`).then((code) => {
      if (code !== 0 && code !== 'SIGKILL') throw new Error(`${what} ended with ${code}: ${errors}`);
      return code;
    }),
    said(count) {
      const said = new Promise<string[]>((resolve, reject) => {
        waiting.push({ count, resolve });
        void exit.then((code) => reject(new Error(`${what} ended with ${code} before it said so: ${errors}`)));
        tell();
      });
      return bounded(said, 30_000, () => `${what} has said only ${lines.length} lines: ${errors}`);
    },
  };
}

function bounded<T>(promise: Promise<T>, limitMs: number, text: () => string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(text())), limitMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
