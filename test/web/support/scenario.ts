/** A scenario: what somebody does in a browser, and what is to be seen then. */
import type { Visitors } from './browser.js';
import { openYard, type Yard, type YardOptions } from './yard.js';

export interface Scene {
  readonly visitors: Visitors;
  /** Where a picture for the docs goes; null: none is taken. */
  readonly pictures: string | null;
}

export interface Scenario {
  readonly name: string;
  /** Throws where it is otherwise. */
  run(scene: Scene): Promise<void>;
}

/** On a world in memory of its own. */
export function inMemory(
  name: string,
  run: (scene: Scene & { readonly yard: Yard }) => Promise<void>,
  options: YardOptions = {},
): Scenario {
  return {
    name,
    async run(scene) {
      await using yard = await openYard(options);
      // Pages go before their host, whose end they would tell of.
      try {
        await run({ ...scene, yard });
      } finally {
        await scene.visitors.leave();
      }
    },
  };
}

export function expect(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`Otherwise: ${what}`);
}

export function expectEqual(actual: unknown, wanted: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(wanted)];
  expect(a === b, `${what}: ${a}, expected ${b}`);
}
