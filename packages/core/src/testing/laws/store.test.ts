import { describe, it } from 'vitest';
import { conforms } from './law.js';
import { storeSubject } from './memory-subjects.js';
import { storeLaws } from './store.js';

describe('the memory store keeps the laws of Store', () => {
  conforms(it, storeLaws, storeSubject);
});
