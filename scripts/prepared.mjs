/**
 * `node scripts/prepared.mjs [--engine] [--tools a,b] [--wishes c] [--limit MINUTES] [--grace SECONDS] SCRIPT …`: sees to what is needed
 * (scripts/setup), then runs a script of `test` or `bench` from its source. What follows the script goes to it. Its exit code is this one's,
 * and its last line is the last line here too, whatever the set-up has to say when it clears up.
 */
import { parseArgs } from 'node:util';
import { explain, setUp } from './setup/index.mjs';

const split = process.argv.findIndex((each) => each.endsWith('.ts'));
const { values } = parseArgs({
  args: process.argv.slice(2, split),
  options: {
    engine: { type: 'boolean', default: false },
    tools: { type: 'string' },
    wishes: { type: 'string' },
    limit: { type: 'string' },
    grace: { type: 'string' },
  },
});
const [script = '', ...args] = process.argv.slice(split);

let verdict = '';
process.exitCode = 1;
try {
  const workshop = await setUp({
    engine: values.engine,
    tools: values.tools?.split(',') ?? [],
    wishes: values.wishes?.split(',') ?? [],
    ...(values.grace ? { graceMs: Number(values.grace) * 1_000 } : {}),
  });
  try {
    const limitMs = Number(values.limit ?? 30) * 60_000;
    const { code, output, timedOut } = await workshop.run(process.execPath, ['--import', 'tsx', script, ...args], {
      limitMs,
      holdLast: true,
    });
    process.exitCode = code;
    verdict = timedOut ? `${output.trimEnd()}\nNot through after ${limitMs / 60_000} minutes.` : output.trimEnd();
  } finally {
    await workshop.close();
  }
} catch (error) {
  console.error(explain(error));
}
if (verdict !== '') console.log(verdict);
