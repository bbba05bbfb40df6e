/** This process, as the command needs it. */
import { Console } from 'node:console';
import { hostname, userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import type { Io, Output } from './io.js';

/** A closed terminal sends SIGHUP; service managers and CI send SIGTERM. What runs is rolled back all the same. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** The reader of a pipe, or the terminal, is gone. */
const HUNG_UP = new Set(['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED']);

export function processIo(): Io {
  const hangUps = new Set<() => void>();
  const quiet = (stream: NodeJS.WriteStream): Output => {
    let isGone = false;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (!HUNG_UP.has(error.code ?? '')) throw error;
      isGone = true;
      if (stream === process.stdout) for (const listener of hangUps) listener();
    });
    return {
      get isTTY() {
        return stream.isTTY;
      },
      get columns() {
        return stream.columns;
      },
      write: (text) => !isGone && stream.write(text),
    };
  };
  return {
    stdout: quiet(process.stdout),
    stderr: quiet(process.stderr),
    env: process.env,
    platform: process.platform,
    isInteractive: process.stdin.isTTY === true && process.stdout.isTTY === true,
    cwd: () => process.cwd(),
    chdir: (path) => process.chdir(path),
    user: () => {
      try {
        return `${userInfo().username}@${hostname()}`;
      } catch {
        // A user id without an entry, as in many containers.
        return undefined;
      }
    },
    async ask(question) {
      const lines = createInterface({ input: process.stdin, output: process.stdout });
      // Ctrl-C, or the end of the input: node would leave the question open for ever.
      const over = new AbortController();
      lines.once('close', () => over.abort(new Error('Nobody answers.')));
      try {
        return await lines.question(question, { signal: over.signal });
      } finally {
        lines.close();
      }
    },
    onInterrupt(listener) {
      for (const signal of SIGNALS) process.on(signal, listener);
      return () => {
        for (const signal of SIGNALS) process.off(signal, listener);
      };
    },
    onHangUp(listener) {
      hangUps.add(listener);
      return () => hangUps.delete(listener);
    },
    leave: (exitCode) => process.exit(exitCode),
    reserveStdout: () => {
      globalThis.console = new Console(process.stderr, process.stderr);
    },
  };
}
