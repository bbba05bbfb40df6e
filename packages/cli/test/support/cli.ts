/** The command as its users run it: a process of its own, in a pipe or in a real terminal. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { eventually } from '../../../../test/support/engine.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const bin = fileURLToPath(new URL('../../dist/bin.js', import.meta.url));
const pty = fileURLToPath(new URL('./terminal.py', import.meta.url));
// As it is shipped: a process that compiles its sources first takes four times as long to start. Where nothing has changed, nothing is built.
execFileSync(process.execPath, [`${root}scripts/build.mjs`, 'cli'], { cwd: root, stdio: 'ignore', timeout: 240_000 });
const COMMAND = [bin];
const ESCAPE = '\x1b';
const LIMIT_MS = 300_000;

export interface Place {
  readonly cwd: string;
  readonly env?: { readonly [name: string]: string };
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running extends AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams;
  readonly stdout: string;
  readonly stderr: string;
  readonly ended: Promise<Ended>;
  /** Waits until stdout shows it. */
  shows(what: RegExp, limitMs?: number): Promise<RegExpExecArray>;
}

const environment = ({ env = {} }: Place): NodeJS.ProcessEnv => {
  const { NO_COLOR: _no, FORCE_COLOR: _force, CI: _ci, VITEST: _vitest, NODE_OPTIONS: _options, ...rest } = process.env;
  return { ...rest, TERM: 'xterm-256color', ...env };
};

function follow(child: ChildProcessWithoutNullStreams): Running {
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => {
      clearTimeout(limit);
      resolve({ code, stdout, stderr });
    });
  });
  return {
    child,
    ended,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    shows: (what, limitMs = 30_000) =>
      eventually(
        `${what} in:\n${stdout}\n${stderr}`,
        () => {
          const found = what.exec(stdout);
          if (!found && child.exitCode !== null) throw new Error(`It ended without ${what}:\n${stdout}\n${stderr}`);
          return found ?? undefined;
        },
        limitMs,
      ),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    },
  };
}

/** In a pipe. */
export function start(args: readonly string[], place: Place): Running {
  return follow(spawn(process.execPath, [...COMMAND, ...args], { cwd: place.cwd, env: environment(place) }));
}

export const quayside = (args: readonly string[], place: Place): Promise<Ended> => start(args, place).ended;

/** In a terminal of its own: `child.stdin` is what is typed, Ctrl-C is `\x03`. */
export function inTerminal(
  args: readonly string[],
  place: Place,
  size: { readonly columns?: number; readonly rows?: number } = {},
): Running {
  const { columns = 100, rows = 40 } = size;
  const command = [pty, String(columns), String(rows), process.execPath, ...COMMAND, ...args];
  return follow(spawn('python3', command, { cwd: place.cwd, env: environment(place) }));
}

export interface Shell extends AsyncDisposable {
  /** A command in a pipe, which nobody interrupts. Who runs it is `ada@desk`. */
  run(...args: readonly string[]): Promise<Ended>;
}

/** For commands that follow each other: they share a process, in which nobody can be asked. From its sources, for want of an entry for that. */
export function openShell(place: Place): Shell {
  const script = fileURLToPath(new URL('./shell.ts', import.meta.url));
  const loader = pathToFileURL(`${root}node_modules/tsx/dist/loader.mjs`).href;
  const env = { ...environment(place), TSX_TSCONFIG_PATH: `${root}tsconfig.json` };
  const child = spawn(process.execPath, ['--import', loader, script], { cwd: place.cwd, env });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.stderr.pipe(process.stderr);
  const ended = new Promise((resolve) => child.once('close', resolve));
  let last: Promise<unknown> = Promise.resolve();
  const next = async (args: readonly string[]): Promise<Ended> => {
    child.stdin.write(`${JSON.stringify(args)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`It ended amid \`quayside ${args.join(' ')}\`.`);
    return JSON.parse(value) as Ended;
  };
  return {
    run(...args) {
      const mine = last.then(() => next(args));
      last = mine.catch(() => undefined);
      return mine;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}

/** Every line of what a command has written as JSON; fails on anything else. */
export const objects = (stdout: string): Record<string, unknown>[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/**
 * What a terminal shows at the end, line by line, of what was written to it; and the widest line that was ever on it. Knows what the
 * command uses: line ends, a return to the beginning, the erasing of a line, colours, the hiding of the cursor.
 */
export function shown(written: string): { readonly lines: readonly string[]; readonly widest: number } {
  const lines = [''];
  let column = 0;
  let widest = 0;
  const part = new RegExp(`${ESCAPE}\\[(?:\\?25[lh]|2K|[0-9;]*m)|[\\s\\S]`, 'gu');
  for (const [text] of written.matchAll(part)) {
    const at = lines.length - 1;
    if (text === '\n') lines.push('');
    else if (text === '\r') column = 0;
    else if (text === '\x1b[2K') lines[at] = '';
    else if (text.startsWith('\x1b[')) continue;
    else if (text === '\x1b') throw new Error('A sequence that this terminal does not know.');
    else {
      const line = [...(lines[at] ?? '').padEnd(column)];
      line[column] = text;
      lines[at] = line.join('');
      column += 1;
      widest = Math.max(widest, column);
    }
    if (text === '\n') column = 0;
  }
  return { lines, widest };
}
