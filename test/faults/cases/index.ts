import type { FaultCase } from '../case.js';
import { containerCases } from './containers.js';
import { engineCases } from './engine.js';
import { otherCases } from './others.js';
import { proxyCases } from './proxy.js';
import { registryCases } from './registry.js';
import { storeCases } from './store.js';

/** The matrix. */
export const CASES: readonly FaultCase[] = [
  ...registryCases,
  ...proxyCases,
  ...storeCases,
  ...containerCases,
  ...otherCases,
  ...engineCases,
];
