import type { FaultCase } from './case.js';
import { openGround } from './ground.js';
import { runCase, type Verdict } from './run-case.js';

/** So many of those that break nothing for others run at once. */
const LANES = 2;

/** Runs them all on one ground: first what can run side by side, then what breaks the engine, one after the other. */
export async function runCases(
  cases: readonly FaultCase[],
  onVerdict: (verdict: Verdict) => void,
): Promise<readonly Verdict[]> {
  await using ground = await openGround();
  const verdicts: Verdict[] = [];
  const lane = async (queue: FaultCase[]) => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const verdict = await runCase(ground, next);
      verdicts.push(verdict);
      onVerdict(verdict);
    }
  };
  const shared = cases.filter(({ breaks }) => breaks === undefined);
  const postgres = cases.filter(({ breaks }) => breaks === 'postgres');
  await Promise.all([...Array.from({ length: LANES }, () => lane(shared)), lane(postgres)]);
  await lane(cases.filter(({ breaks }) => breaks === 'engine'));
  return verdicts;
}
