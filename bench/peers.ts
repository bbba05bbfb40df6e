/**
 * The same app, images and load through Quayside with each of its proxies and through other ways to deploy on one machine: how soon the new
 * version answers, what fails meanwhile, what the slowest in a hundred wait, what it takes of the processors. `docs/benchmarks` says what each
 * number means, and how each of them is set up.
 *
 *   npm run bench:peers [-- --rollout PATH --rounds 5 --interval 1 --only swarm,bare --allow-missing --out docs/benchmarks]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chartOf } from './support/peers/chart.js';
import { comparePeers, PEERS } from './support/peers/compare.js';
import { reportOf } from './support/peers/report.js';
import { verdictOf } from './support/peers/summary.js';
import { tableOf } from './support/peers/table.js';

const LIMIT_MS = 55 * 60_000;
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    rollout: { type: 'string' },
    interval: { type: 'string', default: '1' },
    out: { type: 'string', default: fileURLToPath(new URL('../docs/benchmarks', import.meta.url)) },
    'allow-missing': { type: 'boolean', default: false },
  },
});

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(name, () => stop.abort(new Error(`Ended by ${name}.`)));

const only = values.only.split(',').filter(Boolean);
const nobody = only.find((part) => !PEERS.some((name) => name.includes(part)));
if (nobody) refuse(`--only: ${nobody} is no part of ${PEERS.map((name) => `"${name}"`).join(', ')}.`);
const settings = {
  rounds: whole('rounds'),
  perSecond: 500,
  steadyMs: 3_000,
  healthIntervalS: whole('interval'),
};
const comparison = await comparePeers({
  ...settings,
  only,
  rollout: values.rollout,
  signal: AbortSignal.any([stop.signal, AbortSignal.timeout(LIMIT_MS)]),
  say: (line) => console.log(line),
}).catch((error: Error) => {
  // All that could be ended has been: whatever is still under way holds up nobody.
  console.error(error);
  process.exit(1);
});
const { line, isWell } = verdictOf(comparison, { allowMissing: values['allow-missing'] });
const folder = resolve(values.out);
await mkdir(folder, { recursive: true });
const report = reportOf(comparison, settings, line);
await writeFile(join(folder, 'peers.json'), `${JSON.stringify(report, null, 2)}\n`);
await writeFile(join(folder, 'peers.svg'), chartOf(comparison));
console.log(`\n${tableOf(comparison)}\n`);
console.log(line);
process.exitCode = isWell ? 0 : 1;

function whole(name: 'rounds' | 'interval'): number {
  const value = Number(values[name]);
  return Number.isInteger(value) && value > 0
    ? value
    : refuse(`--${name}: a whole number above 0 was expected, not ${values[name]}.`);
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}
