/**
 * Progressive cutovers through the proxies that can weigh, each under load: shares, visitors who stay and counts of the proxies alone, and whole
 * deployments on a real engine of versions that are good, bad, slow, or die.
 *
 *   npm run test:progressive [-- --only TEXT]
 *
 * The last line is `progressive: N scenarios, N as specified`.
 */
import { parseArgs } from 'node:util';
import { runDeployments, runScenarios, type Verdict, WHOLE } from './scenario.js';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
let count = 0;
let good = 0;
const tell = ({ name, problems, tookMs }: Verdict) => {
  count += 1;
  if (problems.length === 0) good += 1;
  console.log(
    `${problems.length === 0 ? 'as specified' : 'OTHERWISE   '} ${(tookMs / 1000).toFixed(1).padStart(5)} s  ${name}`,
  );
  for (const problem of problems) console.log(`             - ${problem}`);
};
for await (const verdict of runScenarios(WHOLE, values.only)) tell(verdict);
await runDeployments(tell, values.only);
console.log(`progressive: ${count} scenarios, ${good} as specified`);
process.exitCode = count > 0 && good === count ? 0 : 1;
