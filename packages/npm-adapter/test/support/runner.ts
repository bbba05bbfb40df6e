/** Commands started by a shell that stays: a process as large as a test's stands still for each, while its memory's tables are copied. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Runner {
  /** One after the other. Rejects with what the command has said to its standard error, where its exit code is not 0. */
  run(command: readonly string[]): Promise<void>;
  close(): void;
}

/** Between what a command says and how it has ended. */
const END = '--ended--';

export function startRunner(): Runner {
  const shell = spawn('/bin/sh', { stdio: ['pipe', 'pipe', 'ignore'] });
  const waiting: ((how: Error | undefined) => void)[] = [];
  let said: string[] = [];
  createInterface({ input: shell.stdout }).on('line', (line) => {
    if (!line.startsWith(END)) return void said.push(line);
    const how = line === `${END}0` ? undefined : new Error(said.join('\n').trim());
    said = [];
    waiting.shift()?.(how);
  });
  const gone = () => {
    for (const settle of waiting.splice(0)) settle(new Error('the shell has ended'));
  };
  shell.on('error', gone).on('close', gone);
  shell.stdin.on('error', gone);
  return {
    run: (command) =>
      new Promise((resolve, reject) => {
        waiting.push((how) => (how ? reject(how) : resolve()));
        const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
        // A line of its own, whatever the command has said last.
        shell.stdin.write(`${quoted} 2>&1 >/dev/null </dev/null; printf '\\n${END}%s\\n' "$?"\n`);
      }),
    close: () => void shell.stdin.end(),
  };
}
