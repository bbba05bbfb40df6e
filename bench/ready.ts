/**
 * How soon an app that has begun to answer is known to: from the instant at which it first answers, which a watcher of its own sees
 * by asking every 2 ms, to the end of the health step. Apps begin to listen 0 to 3000 ms after their start.
 *
 *   npm run bench:ready [-- --runs 30]
 */
import { request } from 'node:http';
import { parseArgs } from 'node:util';
import { unwrap } from '../packages/core/src/index.js';
import { openField } from '../test/support/field.js';
import { pushApp } from '../test/support/images.js';
import { median, quantile } from './support/statistics.js';

const LIMIT_MS = 100;
const { values } = parseArgs({ options: { runs: { type: 'string', default: '30' } } });
const runs = Number(values.runs);

await using field = await openField('ready');
const repository = `${field.registry.host}/slow`;
await pushApp(field.bench, `${repository}:v1`, { version: 'v1' });
// The default health check: 5 s between attempts, which nobody may have to wait for.
const stageOf = (index: number) => `run-${index}`;
const delays = Array.from({ length: runs }, (_, index) => Math.round((index * 3000) / Math.max(1, runs - 1)));
const stages = Object.fromEntries(
  delays.map((delayMs, index) => [
    stageOf(index),
    {
      port: 3000,
      env: { APP_LISTENS_AFTER_MS: String(delayMs) },
      plainEnv: ['APP_LISTENS_AFTER_MS'],
      drain: 0,
      stopGrace: 0,
    } as const,
  ]),
);
const deployer = await field.deployer({ slow: { image: repository, stages } });

const late: number[] = [];
for (const [index, delayMs] of delays.entries()) {
  const stage = stageOf(index);
  const watching = new AbortController();
  let answeredMs: Promise<number> | undefined;
  let healthyMs = 0;
  const off = deployer.on('deployment.step', ({ deployment, step }) => {
    if (step.name === 'health' && step.status === 'running') answeredMs = firstAnswer(deployment.id, watching.signal);
  });
  const offLog = deployer.on('deployment.log', ({ entry }) => {
    // Its entry is stored a moment later than it is written down; its own time is the wall clock's.
    if (entry.step === 'health' && entry.message.startsWith('Healthy')) healthyMs = entry.time;
  });
  const deployment = await unwrap(deployer.deploy({ project: 'slow', stage, tag: 'v1' }));
  off();
  offLog();
  watching.abort();
  const answered = await answeredMs;
  if (answered === undefined || healthyMs === 0) throw new Error(`Run ${index} was not seen (${deployment.status}).`);
  // Both by the wall clock, in whole milliseconds; the check may well be quicker than the watcher.
  late.push(Math.max(0, healthyMs - answered));
  await unwrap(deployer.remove({ project: 'slow', stage }));
  if (index % 10 === 9)
    console.log(`${index + 1} runs, up to ${delayMs} ms: median ${median(late).toFixed(0)} ms late`);
}
const p95 = quantile(late, 0.95);
console.log(`ready: ${Math.round(p95)} ms after the app answers (p95, n=${runs})`);
process.exitCode = p95 <= LIMIT_MS ? 0 : 1;
await deployer.close();

/** The wall-clock time of the first 200, by asking the container every 2 ms. */
async function firstAnswer(deployment: string, signal: AbortSignal): Promise<number> {
  const host = await addressOf(deployment);
  for (;;) {
    const status = await ask(host);
    if (status === 200) return Date.now();
    // It was healthy before this was lucky: then it was late by nothing.
    if (signal.aborted) return Number.POSITIVE_INFINITY;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function addressOf(deployment: string): Promise<string> {
  for (;;) {
    const all = await field.bench.docker.listContainers();
    const found = all.find(({ Names }) => Names.some((name) => name.endsWith(deployment)));
    const address = found?.NetworkSettings.Networks[field.network]?.IPAddress;
    if (address) return address;
  }
}

function ask(host: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const sent = request({ host, port: 3000, path: '/', agent: false, timeout: 500 }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once('timeout', () => sent.destroy());
    sent.once('error', () => resolve(undefined));
    sent.end();
  });
}
