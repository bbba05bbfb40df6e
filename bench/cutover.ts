/**
 * Replaces a stage a hundred times under load, through each of the proxies: 1,100 requests a second, every other one on a connection of its own,
 * 20 downloads and 20 WebSockets of ten seconds. Not one request may fail, or be answered by anybody but the instance that was to answer. The
 * slowest in a hundred of the second from each route write on are held against those of a run of the same length without cutovers.
 *
 *   npm run bench:cutover [-- --cutovers 100 --only haproxy]
 */
import { parseArgs } from 'node:util';
import { type Deployer, unwrap } from '../packages/core/src/index.js';
import { bundled } from '../test/support/bundle.js';
import { type Field, openField } from '../test/support/field.js';
import { pushVersions } from './support/cutover/image.js';
import { type Cutover, judge, p99Of } from './support/cutover/judge.js';
import { until, VISITORS, visited } from './support/cutover/visited.js';
import { DOORS, type Door } from './support/doors.js';

const STAGE = { project: 'shop', stage: 'dev' } as const;
const DOMAIN = 'stage-dev-shop.bench.test';
const P99_MOST = 1.5;
const PER_SECOND = 1_100;
const STREAMS = 20;
/** Between two route writes at least: the second that is looked at, and the start of the next container is not in it. */
const APART_MS = 1_050;
/** Requests that each app asks itself before it listens: what is looked at is the proxy, not how Node compiles an app that serves. */
const WARM_UP = 2_500;
const LIMIT_MS = 20 * 60_000;
const { values } = parseArgs({
  options: { cutovers: { type: 'string', default: '100' }, only: { type: 'string', default: '' } },
});
const cutovers = Number(values.cutovers);

const script = await bundled(VISITORS);
let requests = 0;
let failed = 0;
const ratios: number[] = [];
for (const [name, open] of Object.entries(DOORS)) {
  if (!name.includes(values.only)) continue;
  await using field = await openField('cutover');
  await using door = await open(field);
  await through(name, field, door);
}
const worst = Math.max(...ratios);
console.log(
  `cutover: ${ratios.length} proxies x ${cutovers} cutovers, ${requests} requests, ${failed} failed, p99 ${worst.toFixed(1)}x of steady`,
);
process.exitCode = failed === 0 && ratios.length > 0 && worst < P99_MOST + 0.05 ? 0 : 1;

async function through(name: string, field: Field, door: Door): Promise<void> {
  const image = `${field.registry.host}/shop`;
  await pushVersions(field.bench, image, ['v1', 'v2'], [`APP_WARMS=${WARM_UP}`, ...(door.appEnv ?? [])]);
  const stage = { port: 3000, maxInstances: 1, drain: '12s' } as const;
  const deployer = await field.deployer({ shop: { image, stages: { dev: stage } } }, door.options);
  const first = await replace(field, deployer, 'v1');
  const { port } = door.frontDoor();

  const done: Cutover[] = [];
  const lengthMs = cutovers * (APART_MS + 500);
  const streams = { count: STREAMS, everyMs: Math.floor(Math.max(200, (lengthMs - 12_000) / STREAMS)) };
  const visit = { script, folder: field.folder, limitMs: LIMIT_MS };
  const seen = await visited(visit, { port, domain: DOMAIN, perSecond: PER_SECOND, streams }, async () => {
    for (let count = 1; count <= cutovers; count += 1)
      done.push(await replace(field, deployer, count % 2 === 0 ? 'v1' : 'v2'));
  });
  const verdict = judge(seen, first.answer, done);
  const steady = await visited(
    visit,
    { port, domain: DOMAIN, perSecond: PER_SECOND, streams: { count: 0, everyMs: 1_000 } },
    () => until(Date.now() + verdict.spanMs),
  );
  await deployer.close();

  const ratio = verdict.p99Ms / p99Of(steady);
  const rate = verdict.requests / (verdict.spanMs / 1_000);
  const complaints = [...verdict.failed];
  // Those that were cut are among what failed.
  if (seen.downloads.length < STREAMS) complaints.push(`only ${seen.downloads.length} of ${STREAMS} downloads began`);
  if (seen.sockets.length < STREAMS) complaints.push(`only ${seen.sockets.length} of ${STREAMS} WebSockets began`);
  if (rate < 1_000) complaints.push(`only ${rate.toFixed(0)} requests a second`);
  console.log(
    `${name}: ${verdict.requests} requests (${rate.toFixed(0)} a second), ${verdict.failed.length} failed, ${verdict.resent} sent again on another connection, ` +
      `${verdict.downloads} downloads and ${verdict.sockets} WebSockets finished, p99 ${verdict.p99Ms.toFixed(1)} ms, steady ${p99Of(steady).toFixed(1)} ms`,
  );
  const told = new Map<string, number>();
  for (const each of complaints) told.set(each, (told.get(each) ?? 0) + 1);
  for (const [what, count] of [...told].slice(0, 20)) console.log(`  ${count} x ${what}`);
  requests += verdict.requests;
  failed += complaints.length;
  ratios.push(ratio);
}

async function replace(field: Field, deployer: Deployer, tag: string): Promise<Cutover> {
  let writeMs = 0;
  const off = deployer.on('deployment.step', ({ step }) => {
    if (step.name === 'cutover' && step.status === 'running') writeMs = step.startedAt;
  });
  const deployment = await unwrap(deployer.deploy({ ...STAGE, tag, force: true }));
  const doneMs = Date.now();
  off();
  // Asking for it costs the machine something too, which no deployment does.
  await until(writeMs + APART_MS);
  const { container } = await unwrap(deployer.instances.get(deployment.instance ?? ''));
  const { Id } = await field.bench.docker.getContainer(container).inspect();
  return { answer: `${tag} ${Id.slice(0, 12)}`, writeMs, doneMs };
}
