/**
 * A fresh host after the deaths: it recovers what it finds in each of these places, and says of each what it did.
 *
 *   node survivor.mjs FILE     (an array of errands as JSON)
 */
import { readFileSync } from 'node:fs';
import type { RecoveryReport } from '../../packages/core/src/domain/reports.js';
import { createDeployer, unwrap } from '../../packages/core/src/index.js';
import { hostOptions, type Place } from './ports.js';
import { untilNothingIsLeft } from './tasks.js';

export interface Errand {
  readonly id: string;
  readonly place: Place;
}

export interface Told {
  readonly id: string;
  /** One for each time it has recovered: again where something was unfinished, as a host does that lives on. */
  readonly reports: readonly RecoveryReport[];
}

/** Opened one after the other, so that not all of them want everything in one moment; then almost all of the time is waiting for leases. */
const errands = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as readonly Errand[];
const BETWEEN_MS = 50;
const TRIES = 5;
await Promise.all(
  errands.map(async ({ id, place }, index) => {
    await pause(index * BETWEEN_MS);
    const reports = await recovered(place);
    process.stdout.write(`${JSON.stringify({ id, reports } satisfies Told)}\n`);
  }),
);

async function recovered(place: Place): Promise<readonly RecoveryReport[]> {
  const deployer = await unwrap(createDeployer(hostOptions(place)));
  const reports: RecoveryReport[] = [];
  for (let tries = 1; ; tries += 1) {
    const answer = await deployer.recover();
    // A store that was too slow for once says so, and is asked again, as by any host.
    if (answer.isErr() && answer.error.retryable && tries < TRIES) continue;
    const report = await unwrap(answer);
    reports.push(report);
    if (report.unfinished.length > 0 && tries < TRIES) continue;
    await untilNothingIsLeft(place);
    await deployer.close();
    return reports;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
