import { describe, it } from 'vitest';
import { containerRuntimeLaws } from './container-runtime.js';
import { conforms } from './law.js';
import { runtimeSubject } from './memory-subjects.js';

describe('the memory runtime keeps the laws of ContainerRuntime', () => {
  conforms(it, containerRuntimeLaws, runtimeSubject);
});
