/**
 * `npm run test:simulate [-- --seeds N] [--from N] [--seed N]`: one world after the other, each from its seed, in which all that can
 * go wrong goes wrong. A seed that breaks a promise is made shorter, and its trace is printed.
 */
import { parseArgs } from 'node:util';
import { useLightAbort } from './light-abort.js';
import { useLightResults } from './light-results.js';
import { type Played, play } from './play.js';
import type { Script } from './script.js';
import { shrink } from './shrink.js';
import { writeScript } from './write.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    /** Stop after so many seeds that break something. */
    fail: { type: 'string', default: '3' },
    'no-shrink': { type: 'boolean', default: false },
    /** End at the first seed that breaks something, and say no more than which. */
    'until-broken': { type: 'boolean', default: false },
    /** With Node's own AbortController: slower, and the same. */
    native: { type: 'boolean', default: false },
    /** Print every seed's hash: the same for the same run, bit for bit. */
    hashes: { type: 'boolean', default: false },
  },
});

if (!values.native) useLightAbort();
useLightResults();
/** Nobody reads where an error was made but of a run that is told, and finding out takes a tenth of the time. */
const traceErrors = (isRead: boolean) => {
  Error.stackTraceLimit = isRead ? 10 : 0;
};
traceErrors(values.seed !== undefined);

const say = (line: string) => process.stdout.write(`${line}\n`);

async function tell(script: Script, first: Played): Promise<void> {
  traceErrors(true);
  const { without, played } = values['no-shrink']
    ? { without: new Set<string>(), played: await play(script, { isRead: true }) }
    : await shrink(script, first);
  say(`\nseed ${script.seed} breaks promises:`);
  for (const broken of first.broken) say(`  ${broken}`);
  const { items, tags, odds, ...rest } = script;
  say(`\nshortest run that was found, of ${script.items.length} items and all faults:`);
  say(`  ${JSON.stringify({ ...rest, tags })}`);
  for (const item of items) if (!without.has(item.id)) say(`  ${JSON.stringify(item)}`);
  for (const part of played.parts)
    if (!without.has(part) && !items.some(({ id }) => id === part)) say(`  fault at ${part}`);
  say('');
  for (const line of played.lines) say(line);
  say('\nit breaks:');
  for (const broken of played.broken) say(`  ${broken}`);
  say(`\nagain: npm run test:simulate -- --seed ${script.seed}\n`);
  traceErrors(values.seed !== undefined);
}

async function one(seed: number): Promise<void> {
  const script = writeScript(seed);
  const played = await play(script, { isRead: true });
  if (played.broken.length > 0) return tell(script, played);
  for (const line of played.lines) say(line);
}

const from = values.seed === undefined ? Number(values.from) : Number(values.seed);
const count = values.seed === undefined ? Number(values.seeds) : 1;
if (!Number.isInteger(from) || !Number.isInteger(count) || count < 1) {
  process.stderr.write('simulate: --seeds, --from and --seed take whole numbers.\n');
  process.exit(2);
}

const startMs = performance.now();
let faults = 0;
let kills = 0;
let failing = 0;
let promises = 0;
for (let seed = from; seed < from + count; seed += 1) {
  if (values.seed !== undefined) await one(seed);
  const script = writeScript(seed);
  const played = await play(script);
  if (values.hashes) say(`${seed} ${played.hash}`);
  faults += played.faults;
  kills += played.kills;
  if (played.broken.length > 0) {
    promises += played.broken.length;
    failing += 1;
    if (values['until-broken']) {
      say(`seed ${seed}: ${played.broken[0]}`);
      break;
    }
    if (failing <= Number(values.fail) && values.seed === undefined) await tell(script, played);
    else say(`seed ${seed}: ${played.broken[0]}`);
  }
  // The event loop's turn: a signal, a pipe that is full.
  if (seed % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
}
const perSecond = Math.round(count / ((performance.now() - startMs) / 1000));
say(`simulate: ${count} seeds, ${promises} broken promises, ${faults} faults, ${kills} kills, ${perSecond}/s`);
process.exitCode = promises > 0 ? 1 : 0;
