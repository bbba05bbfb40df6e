/**
 * The crash matrix: `npm run test:crash`.
 *
 *   node --import tsx test/crash/run.ts [--stores sqlite,postgres] [--scenario evict] [--at 'sent create'] [--sample 20 --seed 1]
 *
 * The last line is `crash: N points x S stores, N survived, 0 orphans, 0 lost`; the exit code is 0 only if each point was survived on
 * each store, and nothing was orphaned or lost.
 */
import { parseArgs } from 'node:util';
import { inParallel } from '../support/parallel.js';
import { seededRandom } from '../support/random.js';
import { STORE_KINDS, type StoreKind } from '../support/store-at.js';
import { type Ground, openGround } from './ground.js';
import { type Point, pointsOf, runBatch, sampled, type Verdict } from './matrix.js';
import { SCENARIOS } from './scenarios.js';

const { values } = parseArgs({
  options: {
    stores: { type: 'string', default: STORE_KINDS.join(',') },
    scenario: { type: 'string' },
    at: { type: 'string', default: '' },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    list: { type: 'boolean', default: false },
  },
});

/** Hosts that are killed at once, of each of the batches that are under way: one waits for leases while the other one is at work. */
const WIDTH = 2;
const BATCHES_AT_ONCE = 2;
/** Of hosts that come after a dead one: they wait for its leases most of the time. */
const WAITING_WIDTH = 10;
const COUNTING_WIDTH = 5;
/** Deaths that one fresh process recovers: of each there are up to three containers. */
const BATCH = 36;

const stores = values.stores.split(',') as StoreKind[];
const startMs = performance.now();
const seconds = () => `${((performance.now() - startMs) / 1000).toFixed(0)} s`;
const verdicts: Verdict[] = [];
let points: readonly Point[] = [];
let failure: unknown;
try {
  await using ground = await openGround();
  points = await pointsToKillAt(ground);
  if (values.list) for (const { scenario, instant } of points) console.log(`${scenario.name}: ${instant}`);
  else for (const kind of stores) await runAll(ground, kind);
} catch (error) {
  failure = error;
  console.error(error);
}
const survived = verdicts.filter((each) => each.survived).length;
const total = (what: 'orphans' | 'lost') => verdicts.reduce((sum, each) => sum + each[what].length, 0);
const exact = verdicts.filter(({ diedAt, point }) => diedAt === point.instant).length;
console.log(
  `crash: ${exact} of ${verdicts.length} died at the very instant, the others at the next one that they passed (${seconds()})`,
);
console.log(
  `crash: ${points.length} points x ${stores.length} stores, ${survived} survived, ${total('orphans')} orphans, ${total('lost')} lost`,
);
const isWhole = points.length > 0 && survived === points.length * stores.length;
process.exitCode = failure === undefined && isWhole && total('orphans') + total('lost') === 0 ? 0 : 1;

async function pointsToKillAt(ground: Ground): Promise<readonly Point[]> {
  const chosen = SCENARIOS.filter(
    ({ name }) => values.scenario === undefined || values.scenario.split(',').includes(name),
  );
  const all = (
    await inParallel(chosen, COUNTING_WIDTH, (scenario) => pointsOf(ground, stores[0] as StoreKind, scenario))
  ).flat();
  const wanted = all.filter(({ instant }) => instant.includes(values.at));
  console.log(
    `crash: ${wanted.length} points in ${chosen.length} scenarios, counted as they were passed (${seconds()})`,
  );
  return values.sample === undefined
    ? wanted
    : sampled(wanted, Number(values.sample), seededRandom(Number(values.seed)));
}

async function runAll(ground: Ground, kind: StoreKind): Promise<void> {
  const isSecond = ({ first }: Point) => first !== undefined;
  const batches = [...batchesOf(points.filter((point) => !isSecond(point))), ...batchesOf(points.filter(isSecond))];
  await inParallel(batches, BATCHES_AT_ONCE, async (batch) => {
    const own: Verdict[] = [];
    await runBatch(ground, kind, batch, {
      width: WIDTH,
      waitingWidth: WAITING_WIDTH,
      onVerdict(verdict) {
        own.push(verdict);
        verdicts.push(verdict);
        if (!verdict.survived) tell(verdict);
      },
    });
    const good = own.filter((each) => each.survived).length;
    console.log(`crash: ${kind}, ${good} of ${own.length} survived, ${verdicts.length} are through (${seconds()})`);
  });
}

function batchesOf(all: readonly Point[]): Point[][] {
  const batches: Point[][] = [];
  for (let from = 0; from < all.length; from += BATCH) batches.push(all.slice(from, from + BATCH));
  return batches;
}

function tell({ point, store, diedAt, orphans, lost, unsettled, notes }: Verdict): void {
  console.log(
    `\ncrash: NOT SURVIVED: ${point.scenario.name} on ${store}, killed at "${point.instant}" (died at "${diedAt}")`,
  );
  for (const each of orphans) console.log(`  orphan: ${each}`);
  for (const each of lost) console.log(`  lost: ${each}`);
  for (const each of [...unsettled, ...notes]) console.log(`  ${each}`);
  console.log(
    `  again: npm run test:crash -- --stores ${store} --scenario ${point.scenario.name} --at ${JSON.stringify(point.instant)}\n`,
  );
}
