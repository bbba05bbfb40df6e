/**
 * Runs one command after the other in this process, as its users' processes do: a line of JSON in with the arguments, one out with what came
 * of it. Starting a process takes longer than what most commands do.
 */
import { createInterface } from 'node:readline';
import { main } from '../../src/main.js';
import { capture, ioOf } from './io.js';

const SURROUNDINGS = { env: process.env, platform: process.platform, user: () => 'ada@desk' };
const home = process.cwd();
for await (const line of createInterface({ input: process.stdin })) {
  process.chdir(home);
  const [stdout, stderr] = [capture(), capture()];
  const code = await main(JSON.parse(line) as string[], ioOf({ stdout, stderr, ...SURROUNDINGS }), '0.0.0');
  process.stdout.write(`${JSON.stringify({ code, stdout: stdout.text, stderr: stderr.text })}\n`);
}
