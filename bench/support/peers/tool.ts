/** A command from its start to its end, with the processor time that it and all that it started have used. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** Of every command: those that wait for little take seconds. */
const LIMIT_MS = 120_000;

export interface ToolOptions {
  /** Aborted, it is ended with all that it has started, and this rejects. */
  readonly signal: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

// The shell itself tells what its children have used once they have ended (POSIX, `times`).
const TIMED = '"$@"; code=$?; times >&3; exit $code';

/** @throws where it does not end with 0 within two minutes, with what it has said last */
export async function runTool(
  command: readonly string[],
  { signal, env = {}, cwd = '/' }: ToolOptions,
): Promise<{ readonly seconds: number; readonly output: string }> {
  const ending = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  ending.throwIfAborted();
  const child = spawn('sh', ['-c', TIMED, 'sh', ...command], {
    // A group of its own, so that what it has started ends with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    cwd,
  });
  const kill = () => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  ending.addEventListener('abort', kill, { once: true });
  try {
    const [code, output = '', errors = '', times = ''] = await Promise.all([
      new Promise<number | null>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', resolve);
      }),
      ...[1, 2, 3].map((index) => text(child.stdio[index] as Readable)),
    ]);
    ending.throwIfAborted();
    if (code !== 0) throw new Error(`\`${command.join(' ')}\` ended with ${code}: ${(errors || output).slice(-2_000)}`);
    return { seconds: childrenSeconds(times), output };
  } finally {
    ending.removeEventListener('abort', kill);
  }
}

/** Whether a command is there and ends well. */
export const runs = (command: readonly string[], signal: AbortSignal): Promise<boolean> =>
  runTool(command, { signal }).then(
    () => true,
    () => false,
  );

/** The second line of `times` is that of the children: user and system, each as `1m2.345s`. */
export function childrenSeconds(times: string): number {
  const [, children = ''] = times.trim().split('\n');
  return [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );
}
