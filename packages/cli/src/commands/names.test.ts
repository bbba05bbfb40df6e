import { describe, expect, it } from 'vitest';
import { hasStage } from './names.js';

describe('a stage', () => {
  it('is one of the configuration by its name or by a pattern', () => {
    const stages = { dev: {}, 'pr-*': {}, 'a.b': {} };
    expect(['dev', 'pr-42', 'pr-a-b', 'a.b'].map((name) => hasStage(stages, name))).toEqual([true, true, true, true]);
    expect(['de', 'pr-', 'xpr-1', 'axb'].map((name) => hasStage(stages, name))).toEqual([false, false, false, false]);
  });
});
