/**
 * What a progressive cutover asks of the proxies that can weigh, each under load: shares, visitors who stay, counts, and versions that are bad.
 *
 *   npm run test:progressive [-- --only TEXT]
 *
 * The last line is `progressive: N scenarios, N as specified`.
 */
import { parseArgs } from 'node:util';
import { runScenarios, WHOLE } from './scenario.js';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
let count = 0;
let good = 0;
for await (const { name, problems, tookMs } of runScenarios(WHOLE, values.only)) {
  count += 1;
  if (problems.length === 0) good += 1;
  console.log(
    `${problems.length === 0 ? 'as specified' : 'OTHERWISE   '} ${(tookMs / 1000).toFixed(1).padStart(5)} s  ${name}`,
  );
  for (const problem of problems) console.log(`             - ${problem}`);
}
console.log(`progressive: ${count} scenarios, ${good} as specified`);
process.exitCode = count > 0 && good === count ? 0 : 1;
