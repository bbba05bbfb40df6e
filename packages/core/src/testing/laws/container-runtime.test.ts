import { describe, it } from 'vitest';
import { virtualClock } from '../memory/clock.js';
import { memoryEngine } from '../memory/engine.js';
import { memoryRuntime } from '../memory/runtime.js';
import { containerRuntimeLaws } from './container-runtime.js';
import { conforms } from './law.js';

describe('the memory runtime keeps the laws of ContainerRuntime', () => {
  conforms(it, containerRuntimeLaws, async () => {
    const clock = virtualClock();
    const engine = memoryEngine(clock);
    const lines = ['first', 'second'];
    engine.push('registry.test/shop:app', { lines });
    engine.push('registry.test/shop:ends', { lines, exitsAfterMs: 300, exitCode: 3 });
    engine.push('registry.test/shop:healthy', { lines, health: { status: 'healthy', afterMs: 200 } });
    engine.push('registry.test/shop:unstartable', { startFails: 'exec: "nope": executable file not found' });
    const runtime = memoryRuntime(engine);
    return {
      runtime: {
        ...runtime,
        // Nobody else lets the time pass in which it ends.
        runToEnd(spec, options) {
          const ended = runtime.runToEnd!(spec, options);
          void clock.advance(1_000);
          return ended;
        },
      },
      storeId: 'store-1',
      otherStoreId: 'store-2',
      prefix: 'law',
      images: {
        app: 'registry.test/shop:app',
        ends: 'registry.test/shop:ends',
        healthy: 'registry.test/shop:healthy',
        unstartable: 'registry.test/shop:unstartable',
        missing: 'registry.test/shop:missing',
      },
      freePort: async () => 8_080,
      async eventually(what, condition) {
        for (let turn = 0; turn < 100; turn += 1) {
          const found = await condition();
          if (found !== undefined && found !== false) return found;
          await clock.advance(50);
        }
        throw new Error(`Not within 5 s of virtual time: ${what}`);
      },
      close: async () => {},
    };
  });
});
