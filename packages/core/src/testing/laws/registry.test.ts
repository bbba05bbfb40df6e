import { describe, it } from 'vitest';
import { virtualClock } from '../memory/clock.js';
import { memoryEngine } from '../memory/engine.js';
import { memoryRegistry } from '../memory/network.js';
import { conforms } from './law.js';
import { registryLaws } from './registry.js';

describe('the memory registry keeps the laws of Registry', () => {
  conforms(it, registryLaws, async () => {
    const engine = memoryEngine(virtualClock());
    return {
      registry: memoryRegistry(engine, { away: ['away.test'], denying: ['private.test'] }),
      repository: (name) => `r.test/${name}`,
      push: async (reference, content) => engine.push(reference, { body: content }),
      away: 'away.test',
      denying: 'private.test',
      close: async () => {},
    };
  });
});
