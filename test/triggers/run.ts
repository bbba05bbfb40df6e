/**
 * Payloads of every registry, and what is to become of them: recorded ones, hostile ones, some that come twice, late or in the wrong order, with a
 * poller beside them; and a real registry's own notifications and real polls.
 *
 *   npm run test:triggers [-- --only TEXT]
 *
 * The last line is `triggers: N payloads, N as specified, N double deployments`.
 */
import { parseArgs } from 'node:util';
import { CASES, type CaseVerdict, runCase } from './cases.js';
import { REAL, runReal } from './real.js';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
let payloads = 0;
let good = 0;
let doubles = 0;

/** Of a case that does not end as it is to, no payload is as specified. */
const tell = ({ name, payloads: count, problems, doubles: twice }: CaseVerdict) => {
  payloads += count;
  doubles += twice;
  const isGood = problems.length === 0 && twice === 0;
  if (isGood) good += count;
  console.log(`${isGood ? 'as specified' : 'OTHERWISE   '} ${String(count).padStart(3)}  ${name}`);
  for (const problem of problems) console.log(`                  - ${problem}`);
};

const failed = (name: string) => (error: unknown) => ({ name, payloads: 1, problems: [String(error)], doubles: 0 });
for (const each of CASES.filter(({ name }) => name.includes(values.only)))
  tell(await runCase(each).catch(failed(each.name)));
for (const each of REAL.filter(({ name }) => name.includes(values.only)))
  tell(await runReal(each).catch(failed(each.name)));
console.log(`triggers: ${payloads} payloads, ${good} as specified, ${doubles} double deployments`);
process.exitCode = payloads > 0 && good === payloads && doubles === 0 ? 0 : 1;
