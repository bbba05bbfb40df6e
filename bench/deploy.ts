/**
 * A whole deployment against the bare engine calls of the same outcome, in one run: pull (cached), create with its network, start, first
 * 200. Bare, ours, ours, bare, and the other way round: what makes the engine quicker or slower for a while is in both sums of such a round
 * alike. Ours has the lease, the claim, the journal, the log, the health check, the embedded proxy with its proof, and the commit on top, on
 * SQLite with `synchronous=FULL`.
 *
 *   npm run bench:deploy [-- --rounds 30]
 */
import { parseArgs } from 'node:util';
import { unwrap } from '../packages/core/src/index.js';
import type { Change, Store } from '../packages/core/src/ports/store.js';
import { openField } from '../test/support/field.js';
import { pushApp } from '../test/support/images.js';
import { pull, statusOf } from './support/engine-calls.js';
import { median, ms, sum } from './support/statistics.js';

const LIMIT = 1.05;
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '30' } } });
const rounds = Number(values.rounds);

await using field = await openField('deploy');
const { docker } = field.bench;
const repository = `${field.registry.host}/app`;
await pushApp(field.bench, `${repository}:v1`, { version: 'v1' });

let commits = 0;
let journalWrites = 0;
const counted = (store: Store): Store => ({
  ...store,
  commit(changes: readonly Change[], options) {
    commits += 1;
    journalWrites += changes.filter((change) => 'collection' in change && change.collection === 'journals').length;
    return store.commit(changes, options);
  },
});
const deployer = await field.deployer(
  { app: { image: repository, stages: { 'run-*': { port: 3000, drain: 0, stopGrace: 0 } } } },
  { wrapStore: counted },
);

const raw: number[] = [];
const ours: number[] = [];
/** Of each round. */
const ratios: number[] = [];
const rawSteps: Record<string, number[]> = { pull: [], create: [], start: [], first200: [] };
const ourSteps: Record<string, number[]> = {};

/** Beforehand: the network, the image, the code that the runtime compiles while it runs. */
const WARM_UP = 1;
/** One round. One start of a container alone takes ten milliseconds more or less than the next. */
const SIDES = [bare, whole, whole, bare, whole, bare, bare, whole];
const EACH = SIDES.length / 2;
for (let round = -WARM_UP; round < rounds; round += 1) {
  for (const [index, side] of SIDES.entries()) await side(SIDES.length * (round + WARM_UP) + index, round >= 0);
  if (round >= 0) ratios.push(sum(ours.slice(-EACH)) / sum(raw.slice(-EACH)));
}

console.log(`            raw        ours`);
for (const [name, times] of Object.entries(rawSteps))
  console.log(`${name.padEnd(10)}${ms(median(times))}${ms(median(ourSteps[name] ?? []))} ms`);
for (const [name, times] of Object.entries(ourSteps))
  if (!(name in rawSteps)) console.log(`${name.padEnd(10)}       ${ms(median(times))} ms`);
console.log(`whole     ${ms(median(raw))}${ms(median(ours))} ms`);
const deployments = EACH * (rounds + WARM_UP);
console.log(
  `store: ${(commits / deployments).toFixed(1)} commits a deployment with its removal, ${(journalWrites / deployments).toFixed(1)} of them write the journal`,
);
const ratio = median(ratios);
console.log(`deploy: ${ratio.toFixed(2)}x of raw engine calls (n=${rounds}, median)`);
process.exitCode = ratio <= LIMIT + 0.005 ? 0 : 1;
await deployer.close();

async function whole(number: number, counts: boolean): Promise<void> {
  const stage = `run-${number}`;
  const startMs = performance.now();
  const deployment = await unwrap(deployer.deploy({ project: 'app', stage, tag: 'v1' }));
  const tookMs = performance.now() - startMs;
  if (counts) {
    ours.push(tookMs);
    for (const step of deployment.steps) {
      ourSteps[step.name] ??= [];
      ourSteps[step.name]?.push(step.durationMs ?? 0);
    }
  }
  await unwrap(deployer.remove({ project: 'app', stage }));
  await gone(stage);
}

/** Until the retired container is gone: nothing of it may weigh on the next measurement. */
async function gone(stage: string): Promise<void> {
  for (;;) {
    const { items } = await unwrap(deployer.instances.list({ project: 'app', stage }));
    if (items.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function bare(number: number, counts: boolean): Promise<void> {
  const name = `${field.bench.prefix}-raw-${number}`;
  const at: number[] = [performance.now()];
  await pull(docker, `${repository}:v1`);
  at.push(performance.now());
  const container = await docker.createContainer({
    name,
    Image: `${repository}:v1`,
    HostConfig: {
      NetworkMode: field.network,
      RestartPolicy: { Name: 'unless-stopped' },
      Init: true,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    },
  });
  at.push(performance.now());
  await container.start();
  at.push(performance.now());
  const { NetworkSettings } = await container.inspect();
  const host = NetworkSettings.Networks[field.network]?.IPAddress ?? '';
  while ((await statusOf(host, 3000)) !== 200) await new Promise((resolve) => setTimeout(resolve, 1));
  at.push(performance.now());
  if (counts) {
    raw.push((at[4] ?? 0) - (at[0] ?? 0));
    Object.keys(rawSteps).forEach((step, index) => rawSteps[step]?.push((at[index + 1] ?? 0) - (at[index] ?? 0)));
  }
  await container.remove({ force: true });
}
