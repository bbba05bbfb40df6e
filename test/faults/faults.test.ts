/** The short form of the fault matrix (`npm run test:faults` is the whole): a dozen cases, one at least of every part. */
import { beforeAll, describe, expect, it } from 'vitest';
import { canHaveEngine } from '../support/private-engine.js';
import { CASES } from './cases/index.js';
import type { Verdict } from './run-case.js';
import { runCases } from './run-cases.js';

const SHORT = CASES.filter(({ isShort }) => isShort);

it('has cases with names of their own, forty and more', () => {
  expect(CASES.length).toBeGreaterThanOrEqual(40);
  expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length);
});

// An engine that may be broken is one's own, and only root can start one.
describe.skipIf(!canHaveEngine())('a deployment survives when', () => {
  const verdicts = new Map<string, Verdict>();
  beforeAll(async () => {
    for (const verdict of await runCases(SHORT, () => {})) verdicts.set(verdict.name, verdict);
  }, 300_000);

  it.each(SHORT.map(({ name }) => name))('%s', (name) => {
    const { problems, orphans, lost, log } = verdicts.get(name) as Verdict;
    expect({ problems, orphans, lost }, log.join('\n')).toEqual({ problems: [], orphans: [], lost: [] });
  });
});
