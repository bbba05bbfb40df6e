/** Plays scenarios one after the other in one browser, each with visitors of its own, and judges what was thrown and audited, too. */
import { openBrowser, type Violation, visitors } from './browser.js';
import type { Scenario } from './scenario.js';

export interface Verdict {
  readonly name: string;
  /** Empty: as it should be. */
  readonly problems: readonly string[];
  readonly violations: readonly Violation[];
  readonly tookMs: number;
}

export async function* play(scenarios: readonly Scenario[], pictures: string | null): AsyncGenerator<Verdict> {
  const browser = await openBrowser();
  try {
    for (const scenario of scenarios) {
      const startMs = performance.now();
      const scene = visitors(browser);
      const problems: string[] = [];
      try {
        await scenario.run({ visitors: scene, pictures });
      } catch (thrown) {
        problems.push(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
      }
      await scene.leave();
      problems.push(...scene.problems);
      yield { name: scenario.name, problems, violations: scene.violations, tookMs: performance.now() - startMs };
    }
  } finally {
    await browser.close();
  }
}
