/**
 * `npm run test:create [-- --only PORT]`: makes a fresh package for each port with the packed command and the packed core, builds it,
 * typechecks it, and reads what its laws say.
 */
import { parseArgs } from 'node:util';
import { PORTS } from '../../packages/create-quayside-adapter/src/index.js';
import { problemsOf } from './judge.js';
import { openWorkshop } from './workshop.js';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const chosen = PORTS.filter(({ key }) => key.includes(values.only));
let right = 0;
{
  await using workshop = await openWorkshop();
  for (const port of chosen) {
    const problems = await problemsOf(await workshop.make(port.key), port);
    if (problems.length === 0) right += 1;
    console.log(`${problems.length === 0 ? 'right' : 'WRONG'}  ${port.type}`);
    for (const problem of problems) console.log(`       ${problem.replaceAll('\n', '\n       ')}`);
  }
}
console.log(`fresh adapters: ${right}/${chosen.length} build and say what to implement next`);
process.exitCode = right === chosen.length && chosen.length > 0 ? 0 : 1;
