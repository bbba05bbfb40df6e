import { describe, it } from 'vitest';
import { conforms } from './law.js';
import { notifierSubject } from './memory-subjects.js';
import { notifierLaws } from './notifier.js';

describe('the memory notifier keeps the laws of Notifier', () => {
  conforms(it, notifierLaws, notifierSubject);
});
