/**
 * The short form of `npm run test:crash`: a host is killed at a few of its instants, chosen by a seed. The whole matrix has all of them.
 * Again, with the same choice: `SEED=41 npx vitest run --project integration test/crash`.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seededRandom } from '../support/random.js';
import { STORE_KINDS } from '../support/store-at.js';
import { type Ground, openGround } from './ground.js';
import { pointsOf, runBatch, sampled, type Verdict } from './matrix.js';
import { SCENARIOS } from './scenarios.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
/** How many deaths on which store: nothing but the store differs. */
const DEATHS = { sqlite: 5, postgres: 2 };

let ground: Ground;
beforeAll(async () => {
  ground = await openGround();
});
afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

it.concurrent.each(STORE_KINDS)(
  `loses and orphans nothing on %s wherever its host is killed, SEED=${seed}`,
  async (kind) => {
    const random = seededRandom(seed);
    const alone = SCENARIOS.filter(({ deadBefore }) => deadBefore === undefined);
    const evict = alone.find(({ name }) => name === 'evict');
    const other = alone[Math.floor(random() * alone.length)];
    const points = [];
    for (const scenario of new Set([evict, other]))
      if (scenario) points.push(...(await pointsOf(ground, kind, scenario)));
    const verdicts: Verdict[] = [];
    await runBatch(ground, kind, sampled(points, DEATHS[kind], random), {
      width: 2,
      waitingWidth: 2,
      onVerdict: (verdict) => verdicts.push(verdict),
    });
    const told = verdicts
      .filter(({ survived }) => !survived)
      .map(({ point, ...verdict }) => ({ scenario: point.scenario.name, instant: point.instant, ...verdict }));
    expect(told).toEqual([]);
    expect(verdicts).toHaveLength(DEATHS[kind]);
  },
  180_000,
);
