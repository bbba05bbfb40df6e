/**
 * Hostile input by the million: deliveries of webhooks, calls of the API, requests, references, names, configurations, headers and command
 * lines, made of good ones. Nothing may
 * throw, and what is accepted is looked at by rules of its own (`oracles.ts`), not by those of the code that accepted it.
 *
 *   npm run test:fuzz -- --runs 1000000 [--seed N] [--only TEXT]
 *
 * The seed is told where something is found, and repeats it: every input depends on it and on its own number alone.
 */
import { inspect, parseArgs } from 'node:util';
import { dice, strangers } from './mutate.js';
import { polluted } from './oracles.js';
import type { Target } from './target.js';
import { apiTargets } from './targets/api.js';
import { configTargets } from './targets/config.js';
import { headerTargets } from './targets/headers.js';
import { nameTargets } from './targets/names.js';
import { requestTargets } from './targets/requests.js';
import { webhookTargets } from './targets/webhooks.js';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const runs = Number(values.runs);
const seed = values.seed === undefined ? Date.now() % 2_147_483_647 : Number(values.seed);
const targets = [
  ...requestTargets,
  ...nameTargets,
  ...configTargets,
  ...headerTargets,
  ...webhookTargets,
  ...apiTargets,
].filter(({ name }) => name.includes(values.only));
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(seed) || targets.length === 0) {
  console.error('fuzz: --runs and --seed take whole numbers, --only a part of a target that there is.');
  process.exit(2);
}

const wheel: readonly Target[] = targets.flatMap((target) => Array.from({ length: target.share }, () => target));
const others = strangers(seed);
const told = new Set<string>();
const counts = new Map<string, number>();
let crashes = 0;
let unsafe = 0;

/** Each kind of finding once, with what it takes to see it again. */
function tell(target: Target, number: number, what: string, input: unknown): void {
  const key = `${target.name}: ${what}`;
  if (told.has(key) || told.size >= 40) return;
  told.add(key);
  console.error(`${key}\n  --seed ${seed}, input ${number}\n  ${shown(input).slice(0, 1_500)}`);
}

/** What is made up may defend itself against being looked at. */
function shown(input: unknown): string {
  try {
    return inspect(input, { depth: 8, breakLength: 160, maxStringLength: 300 });
  } catch {
    return 'what cannot be shown';
  }
}

for (let number = 0; number < runs; number += 1) {
  const roll = dice(seed + Math.imul(number, 0x9e3779b1));
  const target = roll.pick(wheel);
  const input = target.make(roll, others);
  counts.set(target.name, (counts.get(target.name) ?? 0) + 1);
  try {
    const judged = target.judge(input as never);
    const verdict = (judged instanceof Promise ? await judged : judged) ?? polluted();
    if (verdict !== null) {
      unsafe += 1;
      tell(target, number, verdict, input);
    }
  } catch (thrown) {
    crashes += 1;
    tell(
      target,
      number,
      thrown instanceof Error ? `${thrown.name}: ${thrown.message}`.slice(0, 300) : String(thrown),
      input,
    );
  }
}

console.log([...counts].map(([name, count]) => `${name} ${count}`).join(', '));
console.log(`fuzz: ${runs} inputs, ${crashes} crashes, ${unsafe} accepted that are unsafe`);
process.exitCode = crashes + unsafe === 0 ? 0 : 1;
