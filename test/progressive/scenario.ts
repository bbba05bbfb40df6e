/** What is to be as it was specified, through a real proxy under real load. */
import type { Ground } from './ground.js';
import { GROUNDS } from './ground.js';
import { SCENARIOS } from './scenarios.js';

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

export async function* runScenarios(size: Size, only = ''): AsyncGenerator<Verdict> {
  for (const [proxy, openGround] of Object.entries(GROUNDS)) {
    for (const scenario of SCENARIOS) {
      const name = `${proxy}: ${scenario.name}`;
      if (!name.includes(only)) continue;
      const beganMs = performance.now();
      await using ground = await openGround();
      const problems = await scenario
        .run(ground, size)
        .catch((thrown) => [`it could not be looked at: ${thrown instanceof Error ? thrown.message : thrown}`]);
      yield { name, problems, tookMs: performance.now() - beganMs };
    }
  }
}
