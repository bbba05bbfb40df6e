/**
 * How soon the old version answers again after a roll back to an instance that still runs: from the call to the first answer of the front
 * door, which a visitor asks every 2 ms, on a connection of its own each time. Half of the runs through the embedded proxy, half through HAProxy.
 *
 *   npm run bench:rollback [-- --runs 50]
 */
import { parseArgs } from 'node:util';
import { unwrap } from '../packages/core/src/index.js';
import { openField } from '../test/support/field.js';
import { ask } from '../test/support/front-door.js';
import { pushApp } from '../test/support/images.js';
import { DOORS } from './support/doors.js';
import { median, quantile } from './support/statistics.js';

const LIMIT_MS = 150;
const ANSWER_LIMIT_MS = 10_000;
const LOOK_MS = 2;
const STAGE = { project: 'shop', stage: 'dev' } as const;
const { values } = parseArgs({ options: { runs: { type: 'string', default: '50' } } });

const all: number[] = [];
for (const name of ['embedded', 'haproxy'] as const) {
  await using field = await openField('rollback');
  await using door = await DOORS[name](field);
  const image = `${field.registry.host}/shop`;
  for (const version of ['v1', 'v2']) await pushApp(field.bench, `${image}:${version}`, { version });
  const deployer = await field.deployer({ shop: { image, stages: { dev: { port: 3000 } } } }, door.options);
  for (const tag of ['v1', 'v2']) await unwrap(deployer.deploy({ ...STAGE, tag }));
  const own: number[] = [];
  // Once each way beforehand: the code that the runtime compiles while it runs.
  for (let run = -2; run < Number(values.runs) / 2; run += 1) {
    const to = run % 2 === 0 ? 'v1' : 'v2';
    const startMs = performance.now();
    const rolledBack = deployer.rollBack({ ...STAGE, to });
    // One that fails says why, and is not waited for.
    const failed = unwrap(rolledBack).then(() => new Promise<never>(() => {}));
    const answered = firstAnswer(door.frontDoor(), `${to}\n`);
    const tookMs = (await Promise.race([answered, failed])) - startMs;
    const deployment = await unwrap(rolledBack);
    if (deployment.steps.some(({ name }) => name === 'create')) throw new Error(`${to} was created anew`);
    if (run >= 0) own.push(tookMs);
  }
  console.log(
    `${name.padEnd(10)}${median(own).toFixed(0)} ms in the median, ${quantile(own, 0.95).toFixed(0)} ms at p95 (n=${own.length})`,
  );
  all.push(...own);
  await deployer.close();
}
const p95 = Math.ceil(quantile(all, 0.95));
console.log(`rollback: ${p95} ms to the old version (p95, n=${all.length})`);
process.exitCode = p95 <= LIMIT_MS ? 0 : 1;

/** When that was answered first. @throws after 10 s */
async function firstAnswer(frontDoor: { readonly host: string; readonly port: number }, body: string): Promise<number> {
  const untilMs = performance.now() + ANSWER_LIMIT_MS;
  while (performance.now() < untilMs) {
    const answer = await ask(frontDoor, 'stage-dev-shop.bench.test');
    if (answer.status !== 200) throw new Error(`a visitor got ${answer.status}`);
    if (answer.body === body) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(`no answer ${JSON.stringify(body)} within ${ANSWER_LIMIT_MS} ms`);
}
