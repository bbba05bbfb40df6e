import { describe, it } from 'vitest';
import { conforms } from './law.js';
import { registrySubject } from './memory-subjects.js';
import { registryLaws } from './registry.js';

describe('the memory registry keeps the laws of Registry', () => {
  conforms(it, registryLaws, registrySubject);
});
