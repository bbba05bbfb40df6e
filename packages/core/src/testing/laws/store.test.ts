import { describe, it } from 'vitest';
import { memoryStore } from '../memory/store.js';
import { conforms } from './law.js';
import { storeLaws } from './store.js';

describe('the memory store keeps the laws of Store', () => {
  conforms(it, storeLaws, async () => {
    const store = memoryStore();
    return { store, connect: async () => store.connect(), pause: async () => {}, close: async () => {} };
  });
});
