/**
 * `npm run test:adapters [-- --only TEXT] [--limit MS]`: holds adapters with one defect each against the laws of their ports. Caught is a
 * defect where the law that is about it breaks, and says which rule that is, what the contract says and where to read. Right
 * implementations keep every law in the same run, or nothing would be proved by it.
 */
import { setMaxListeners } from 'node:events';
import { parseArgs } from 'node:util';
import type { Trial } from './defect.js';
import { controls, defects } from './suites.js';

/** How long a law may take that a defect keeps from ending; most take a few milliseconds. */
const LIMIT_MS = 3_000;
const AT_ONCE = 12;

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, limit: { type: 'string', default: String(LIMIT_MS) } },
});

// Some of them are here to leave listeners behind.
setMaxListeners(0);

/** @returns those that came out as they have to */
async function pass(trials: readonly Trial[], right: string, wrong: string): Promise<number> {
  const waiting = [...trials];
  let passed = 0;
  const work = async () => {
    for (let trial = waiting.shift(); trial; trial = waiting.shift()) {
      const beganMs = performance.now();
      const problems = await trial.run(Number(values.limit));
      if (problems.length === 0) passed += 1;
      console.log(
        `${problems.length === 0 ? right : wrong}  ${trial.name} (${Math.round(performance.now() - beganMs)} ms)`,
      );
      for (const problem of problems) console.log(`          ${problem.replaceAll('\n', '\n          ')}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return passed;
}

const chosen = defects.filter(({ name }) => name.includes(values.only));
const kept = await pass(controls, 'right   ', 'BROKEN  ');
const caught = await pass(chosen, 'caught  ', 'SURVIVES');
console.log(`right adapters: ${kept}/${controls.length} kept every law`);
console.log(`faulty adapters: ${caught}/${chosen.length} caught`);
process.exitCode = kept === controls.length && caught === chosen.length && chosen.length > 0 ? 0 : 1;
