/** The page in short: what `npm run test:web` plays as a whole. */
import { beforeAll, expect, it } from 'vitest';
import { SCENARIOS } from './scenarios/index.js';
import { buildPage } from './support/built.js';
import { play } from './support/play.js';

const SHORT = [
  'a wrong token is refused, the right one is let in, and no script can read the cookie',
  'a deployment tells its log and its steps while it runs, and then serves',
  'names, log lines, reasons and errors that are markup are shown as they are, and nothing of them runs',
];

beforeAll(buildPage);

it('the page does what people ask of it, without a violation of axe', async () => {
  const chosen = SCENARIOS.filter(({ name }) => SHORT.includes(name));
  expect(chosen).toHaveLength(SHORT.length);
  for await (const { name, problems, violations } of play(chosen, null)) {
    expect(problems, name).toEqual([]);
    expect(violations, name).toEqual([]);
  }
});
