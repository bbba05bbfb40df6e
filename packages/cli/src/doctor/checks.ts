/** The checks, in the order in which what fails first explains the most of what fails later. */
import type { Deployer, DeployerOptions } from '@quayside/core';
import { checkClock } from './clock.js';
import { checkDisk } from './disk.js';
import { checkDns } from './dns.js';
import { checkEngine, checkNetwork } from './engine.js';
import { type CheckName, type Finding, failed } from './finding.js';
import { checkInstances } from './instances.js';
import { checkLeftovers } from './leftovers.js';
import { checkProxy } from './proxy.js';
import { checkRegistry } from './registry.js';
import { checkStore } from './store.js';

export interface Patient {
  readonly deployer: Deployer;
  readonly options: DeployerOptions;
  /** Where relative paths count from. */
  readonly folder: string;
}

export type Check = (patient: Patient, signal: AbortSignal) => Promise<readonly Finding[]>;

export const CHECKS: readonly (readonly [CheckName, Check])[] = [
  ['store', checkStore],
  ['engine', checkEngine],
  ['network', checkNetwork],
  ['proxy', checkProxy],
  ['registry', checkRegistry],
  ['dns', checkDns],
  ['clock', checkClock],
  ['disk', checkDisk],
  ['instances', checkInstances],
  ['leftovers', checkLeftovers],
];

/** None of them may hang: what does not answer for so long is what is wrong. */
const CHECK_MS = 15_000;

export async function run(
  name: CheckName,
  check: Check,
  patient: Patient,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const limit = AbortSignal.timeout(CHECK_MS);
  try {
    return await check(patient, AbortSignal.any([signal, limit]));
  } catch (thrown) {
    const what = limit.aborted ? `no answer within ${CHECK_MS / 1_000} s` : String(thrown);
    return [
      failed(
        name,
        `It could not be looked at: ${what}.`,
        'See whether what it asks answers at all; the other checks stand without it.',
      ),
    ];
  }
}
