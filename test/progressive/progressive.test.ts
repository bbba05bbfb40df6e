/** The short form of `npm run test:progressive`: the same scenarios, with a tenth of the requests. */
import { beforeAll, describe, expect, it } from 'vitest';
import { GROUNDS } from './ground.js';
import { runScenarios, SHORT } from './scenario.js';
import { SCENARIOS } from './scenarios.js';

describe('a progressive cutover through', () => {
  const problems = new Map<string, readonly string[]>();
  beforeAll(async () => {
    for await (const verdict of runScenarios(SHORT)) problems.set(verdict.name, verdict.problems);
  }, 120_000);

  it.each(Object.keys(GROUNDS).flatMap((proxy) => SCENARIOS.map(({ name }) => `${proxy}: ${name}`)))('%s', (name) => {
    expect(problems.get(name)).toEqual([]);
  });
});
