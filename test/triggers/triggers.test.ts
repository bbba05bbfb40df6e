/** The short form of `npm run test:triggers`: every payload, and one push to a real registry. */
import { expect, it } from 'vitest';
import { CASES, runCase } from './cases.js';
import { REAL, runReal } from './real.js';

it.each(CASES.map((each) => [each.name, each] as const))('%s', async (_, each) => {
  expect(await runCase(each)).toMatchObject({ problems: [], doubles: 0 });
});

it('a push to a real registry is deployed once, by its notification and two polls', async () => {
  const [scenario] = REAL;
  if (!scenario) throw new Error('There is none.');
  const verdict = await runReal(scenario);
  expect(verdict).toMatchObject({ problems: [], doubles: 0 });
  expect(verdict.payloads).toBeGreaterThan(0);
}, 60_000);
