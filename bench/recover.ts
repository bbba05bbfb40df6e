/**
 * Recovering many interrupted deployments against the bare engine calls of the same outcome, in one run: the removals of as many
 * containers in the same states, so many at once. Hosts are killed in the midst of deployments over many stages, on first deployments and
 * on such that replace what serves; one fresh host recovers all of them.
 *
 * It is timed from when the first of the dead hosts' leases can be taken over: when it was looked at for its `ttlMs`. That is the moment of
 * which the protocol says _takeable_. What it says next, that whoever takes over waits for the holder's `effectTimeoutMs` beyond the expiry
 * before a change that a lease covers, is not taken off: the time is ours to use for whatever need not wait.
 *
 *   npm run bench:recover [-- --deployments 200]
 */
import { parseArgs } from 'node:util';
import { measureRecovery } from './support/recovery.js';

const LIMIT = 1.5;
const { values } = parseArgs({
  options: { deployments: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } },
});
const { interrupted, oursMs, rawMs, lines, wrong } = await measureRecovery({
  deployments: Number(values.deployments),
  seed: Number(values.seed),
});
for (const line of lines) console.log(line);
for (const each of wrong) console.log(`  not recovered: ${each}`);
const ratio = oursMs / rawMs;
console.log(
  `recover: ${interrupted} interrupted in ${(oursMs / 1000).toFixed(1)} s, ${ratio.toFixed(1)}x of the raw engine calls`,
);
process.exitCode = ratio <= LIMIT && wrong.length === 0 ? 0 : 1;
