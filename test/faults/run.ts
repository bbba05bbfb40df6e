/**
 * The fault matrix: what a deployment is made of breaks at each of its steps, for real, and everything is looked at from the outside.
 *
 *   npm run test:faults [-- --only TEXT] [-- --short] [-- --list]
 *
 * The last line is `faults: N cases, N survived, 0 orphans, 0 lost`. Needs root on Linux: it starts an engine of its own, to break it.
 */
import { parseArgs } from 'node:util';
import { CASES } from './cases/index.js';
import { runCases } from './run-cases.js';

const { values } = parseArgs({
  options: { only: { type: 'string' }, short: { type: 'boolean' }, list: { type: 'boolean' } },
});
const chosen = CASES.filter(({ name, isShort }) => name.includes(values.only ?? '') && (!values.short || isShort));
if (values.list) for (const { name } of chosen) console.log(name);
else {
  const verdicts = await runCases(chosen, (verdict) => {
    const { name, tookMs, ended, problems, orphans, lost } = verdict;
    const isFine = problems.length + orphans.length + lost.length === 0;
    console.log(
      `faults: ${isFine ? 'survived' : 'BROKEN  '} ${(tookMs / 1000).toFixed(1).padStart(5)} s  ${name}: ${ended}`,
    );
    for (const problem of problems) console.log(`          - ${problem}`);
    for (const orphan of orphans) console.log(`          - orphan: ${orphan}`);
    for (const each of lost) console.log(`          - lost: ${each}`);
    for (const line of verdict.log) console.log(`            ${line}`);
  });
  const count = (pick: (verdict: (typeof verdicts)[number]) => number) =>
    verdicts.reduce((sum, verdict) => sum + pick(verdict), 0);
  const orphans = count((verdict) => verdict.orphans.length);
  const lost = count((verdict) => verdict.lost.length);
  const survived = count((verdict) =>
    verdict.problems.length + verdict.orphans.length + verdict.lost.length === 0 ? 1 : 0,
  );
  console.log(`faults: ${verdicts.length} cases, ${survived} survived, ${orphans} orphans, ${lost} lost`);
  process.exitCode = verdicts.length > 0 && survived === verdicts.length && orphans + lost === 0 ? 0 : 1;
}
