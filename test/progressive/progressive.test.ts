/** The short form of `npm run test:progressive`: those of the proxies with a tenth of the requests, and one whole deployment. */
import { beforeAll, describe, expect, it } from 'vitest';
import { GROUNDS } from './ground.js';
import { runDeployments, runScenarios, SHORT } from './scenario.js';
import { SCENARIOS } from './scenarios.js';

it('takes back a version that answers with errors, on a real engine', async () => {
  const verdicts: unknown[] = [];
  await runDeployments((verdict) => verdicts.push(verdict), 'embedded: a version that answers with errors');
  expect(verdicts).toMatchObject([{ problems: [] }]);
}, 60_000);

describe('a progressive cutover through', () => {
  const problems = new Map<string, readonly string[]>();
  beforeAll(async () => {
    for await (const verdict of runScenarios(SHORT)) problems.set(verdict.name, verdict.problems);
  }, 120_000);

  it.each(Object.keys(GROUNDS).flatMap((proxy) => SCENARIOS.map(({ name }) => `${proxy}: ${name}`)))('%s', (name) => {
    expect(problems.get(name)).toEqual([]);
  });
});
