import { conforms, storeLaws } from '@quayside/core/testing';
import { describe, it } from 'vitest';
import { openSubject } from './store/subject.js';

describe('acmeStore keeps the laws of Store', () => {
  conforms(it, storeLaws, openSubject);
});
