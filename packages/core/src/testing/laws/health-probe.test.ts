import { describe, it } from 'vitest';
import { healthProbeLaws } from './health-probe.js';
import { conforms } from './law.js';
import { probeSubject } from './memory-subjects.js';

describe('the memory probe keeps the laws of HealthProbe', () => {
  conforms(it, healthProbeLaws, probeSubject);
});
