/**
 * Runs one command after the other in this process, as its users' processes do: a line of JSON in with the arguments, one out with what came
 * of it. Starting a process takes longer than what most commands do.
 */
import { createInterface } from 'node:readline';
import type { Io, Output } from '../../src/io.js';
import { main } from '../../src/main.js';

const capture = (): Output & { text: string } => ({
  text: '',
  write(text: string) {
    this.text += text;
  },
});

const ioOf = (stdout: Output, stderr: Output): Io => ({
  stdout,
  stderr,
  env: process.env,
  platform: process.platform,
  isInteractive: false,
  cwd: () => process.cwd(),
  chdir: (path) => process.chdir(path),
  user: () => 'ada@desk',
  ask: () => Promise.reject(new Error('Nobody can be asked.')),
  onInterrupt: () => () => {},
  onHangUp: () => () => {},
  leave: () => {},
  reserveStdout: () => {},
});

const home = process.cwd();
for await (const line of createInterface({ input: process.stdin })) {
  process.chdir(home);
  const [stdout, stderr] = [capture(), capture()];
  const code = await main(JSON.parse(line) as string[], ioOf(stdout, stderr), '0.0.0');
  process.stdout.write(`${JSON.stringify({ code, stdout: stdout.text, stderr: stderr.text })}\n`);
}
