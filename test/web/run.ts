/**
 * The example platform in a real Chromium: what people do on its page, and what they see then. Most of it on a world in memory, some on a
 * real engine with a real registry, where the host is a process that is killed.
 *
 *   npm run test:web [-- --only TEXT] [--memory] [--no-pictures] [--list]
 *
 * It writes the pictures of the docs (docs/images). The last line is `web: N scenarios in chromium, N passed, N axe violations`.
 */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { IN_MEMORY, SCENARIOS } from './scenarios/index.js';
import { buildPage } from './support/built.js';
import { play } from './support/play.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    memory: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    pictures: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const scenarios = (values.memory ? IN_MEMORY : SCENARIOS).filter(({ name }) => name.includes(values.only));
if (values.list) for (const { name } of scenarios) console.log(name);
else await playAll();

async function playAll() {
  await buildPage();
  const folder = fileURLToPath(new URL('../../docs/images/', import.meta.url));
  if (values.pictures) mkdirSync(folder, { recursive: true });
  let [passed, violated] = [0, 0];
  for await (const { name, problems, violations, tookMs } of play(scenarios, values.pictures ? folder : null)) {
    const isGood = problems.length === 0 && violations.length === 0;
    if (isGood) passed += 1;
    violated += violations.length;
    console.log(`${isGood ? 'passed' : 'FAILED'} ${(tookMs / 1_000).toFixed(1).padStart(5)} s  ${name}`);
    for (const problem of problems) console.log(`        - ${problem}`);
    for (const { view, rule, help, nodes } of violations)
      console.log(`        - axe: ${view}: ${rule}: ${help}\n            ${nodes.join('\n            ')}`);
  }
  console.log(`web: ${scenarios.length} scenarios in chromium, ${passed} passed, ${violated} axe violations`);
  process.exitCode = scenarios.length > 0 && passed === scenarios.length && violated === 0 ? 0 : 1;
}
