import { describe, it } from 'vitest';
import { MEMORY_BUSY_MS, memoryNotifier } from '../memory/network.js';
import { conforms } from './law.js';
import { notifierLaws } from './notifier.js';

describe('the memory notifier keeps the laws of Notifier', () => {
  conforms(it, notifierLaws, async () => {
    const notifier = memoryNotifier();
    return {
      notifier,
      received: () => notifier.received,
      answer: notifier.answer,
      busyMs: MEMORY_BUSY_MS,
      secrets: [],
      close: async () => {},
    };
  });
});
