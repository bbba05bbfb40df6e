/** What is to be as it was specified, through a real proxy under real load. */

import { DEPLOYMENTS } from './deployments.js';
import type { Ground } from './ground.js';
import { GROUNDS } from './ground.js';
import { SCENARIOS } from './scenarios.js';
import { SITES, withSites } from './site.js';

export interface Scenario {
  readonly name: string;
  /** Answers what was otherwise, in words; nothing where all was as specified. */
  run(ground: Ground, size: Size): Promise<readonly string[]>;
}

/** How many requests there are: of the whole, or of the short form. */
export interface Size {
  readonly requests: number;
  readonly visitors: number;
}

export const WHOLE: Size = { requests: 10_000, visitors: 200 };
export const SHORT: Size = { requests: 1_000, visitors: 40 };

export interface Verdict {
  readonly name: string;
  readonly problems: readonly string[];
  readonly tookMs: number;
}

const told = (thrown: unknown): string[] => [
  `it could not be looked at: ${thrown instanceof Error ? thrown.message : thrown}`,
];

/** Those of whole deployments. */
export async function runDeployments(tell: (verdict: Verdict) => void, only = ''): Promise<void> {
  for (const proxy of SITES) {
    const all = DEPLOYMENTS.map((each, number) => ({ ...each, name: `${proxy}: ${each.name}`, stage: `s${number}` }));
    const wanted = all.filter(({ name }) => name.includes(only));
    if (wanted.length === 0) continue;
    await withSites(proxy, async (open) => {
      for (const { name, run, stage } of wanted) {
        const beganMs = performance.now();
        const site = await open(stage);
        const problems = await run(site).catch(told);
        site.visitors.close();
        tell({ name, problems, tookMs: performance.now() - beganMs });
      }
    });
  }
}

/** Those of the proxies alone. */
export async function* runScenarios(size: Size, only = ''): AsyncGenerator<Verdict> {
  for (const [proxy, openGround] of Object.entries(GROUNDS)) {
    for (const scenario of SCENARIOS) {
      const name = `${proxy}: ${scenario.name}`;
      if (!name.includes(only)) continue;
      const beganMs = performance.now();
      await using ground = await openGround();
      const problems = await scenario.run(ground, size).catch(told);
      yield { name, problems, tookMs: performance.now() - beganMs };
    }
  }
}
