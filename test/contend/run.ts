/**
 * Four processes on one database, at the same few stages: `npm run test:contend`.
 *
 *   node --import tsx test/contend/run.ts [--deployments 200] [--stores sqlite,postgres] [--seed 1]
 *
 * So many deployments on each store. The last line is `contend: 4 processes, N deployments, N overlaps, N lost`; the exit code is 0 only
 * where nothing overlapped and nothing was lost.
 */
import { parseArgs } from 'node:util';
import { STORE_KINDS, type StoreKind } from '../support/store-at.js';
import { contendOn, PROCESSES } from './contend.js';

const { values } = parseArgs({
  options: {
    deployments: { type: 'string', default: '200' },
    stores: { type: 'string', default: STORE_KINDS.join(',') },
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
    disturbances: { type: 'string', default: '9' },
  },
});
const seed = Number(values.seed);
console.log(`contend: seed ${seed}`);
let deployments = 0;
const overlaps: string[] = [];
const lost: string[] = [];
try {
  for (const kind of values.stores.split(',') as StoreKind[]) {
    const startMs = performance.now();
    const found = await contendOn(kind, {
      deployments: Number(values.deployments),
      disturbances: Number(values.disturbances),
      seed,
    });
    deployments += found.deployments;
    overlaps.push(...found.overlaps);
    lost.push(...found.lost);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
    console.log(
      `contend: ${kind}, ${found.deployments} deployments (${found.statuses}), ${values.disturbances} disturbances, ${seconds} s`,
    );
  }
} catch (error) {
  console.error(error);
  lost.push('the run itself');
}
for (const each of overlaps.slice(0, 50)) console.log(`  overlap: ${each}`);
for (const each of lost.slice(0, 50)) console.log(`  lost: ${each}`);
console.log(
  `contend: ${PROCESSES} processes, ${deployments} deployments, ${overlaps.length} overlaps, ${lost.length} lost`,
);
process.exitCode = overlaps.length + lost.length === 0 ? 0 : 1;
