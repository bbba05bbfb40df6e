/**
 * How many requests a second the embedded proxy forwards, beside nginx and Caddy: each of them alone on one core, the app that answers 1 kB
 * and the wrk that asks on the other, 32 connections that are kept, the three in turns.
 *
 *   npm run bench:proxy [-- --rounds 5 --seconds 4]
 */
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs, promisify } from 'node:util';
import { DOMAIN, type Running, startApp, startCaddy, startEmbedded, startNginxProxy } from './support/front-proxies.js';
import { median } from './support/statistics.js';

const LEAST = { nginx: 0.25, caddy: 0.5 };
const PROXY_CORE = 0;
const LOAD_CORE = 1;
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '4' } },
});
const run = promisify(execFile);

await using app = await startApp(LOAD_CORE);
const measured = new Map<string, number[]>();
const versions: string[] = [];
for (let round = 0; round < Number(values.rounds); round += 1) {
  // One at a time: what stands idle still has timers.
  for (const start of [startEmbedded, startNginxProxy, startCaddy]) {
    await using proxy = await start(PROXY_CORE, app.port);
    if (round === 0) versions.push(`${proxy.name} ${proxy.version}`);
    await load(proxy, 1);
    measured.set(proxy.name, [...(measured.get(proxy.name) ?? []), await load(proxy, Number(values.seconds))]);
  }
}

console.log(`${cpus()[0]?.model ?? 'unknown processor'}; ${versions.join(', ')}`);
const rate = (name: string): number => median(measured.get(name) ?? []);
for (const [name, all] of measured)
  console.log(`${name.padEnd(10)}${Math.round(rate(name))} requests/s (${all.map(Math.round).join(', ')})`);
const ratio = (name: keyof typeof LEAST): number => rate('embedded') / rate(name);
console.log(
  `proxy: ${ratio('nginx').toFixed(2)} of nginx, ${ratio('caddy').toFixed(2)} of caddy (requests/s, same cores)`,
);
process.exitCode = ratio('nginx') >= LEAST.nginx && ratio('caddy') >= LEAST.caddy ? 0 : 1;

async function load({ name, port }: Running, seconds: number): Promise<number> {
  const { stdout } = await run('taskset', [
    '-c',
    `${LOAD_CORE}`,
    'wrk',
    '-t1',
    '-c32',
    `-d${seconds}s`,
    '-H',
    `Host: ${DOMAIN}`,
    `http://127.0.0.1:${port}/`,
  ]);
  const failed = /Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)/.exec(stdout);
  if (failed) throw new Error(`${name}: ${failed[0]}`);
  return Number(/Requests\/sec:\s*([\d.]+)/.exec(stdout)?.[1]);
}
