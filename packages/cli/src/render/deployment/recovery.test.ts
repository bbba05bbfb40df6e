import type { RecoveryReport } from '@quayside/core';
import { describe, expect, it } from 'vitest';
import { recoveryText } from './recovery.js';

const NOTHING: RecoveryReport = {
  settled: [],
  finished: [],
  unfinished: [],
  busy: ['a'],
  needsHost: [],
  healed: [],
  lost: [],
  unowned: { containers: ['c'], routes: [] },
  blind: [],
};

describe('what a recovery has found', () => {
  it('is one line, of what was done and what is still to do', () => {
    const settled = ['a', 'b'].map((deployment) => ({ deployment, status: 'failed' as const }));
    const finished = [{ task: 't', kind: 'retire' as const, subject: 'i' }];
    expect(recoveryText({ ...NOTHING, settled, finished, unfinished: ['c'] })).toBe(
      'recovered: 2 interrupted deployments undone, 1 leftover cleared away, 1 cannot be undone yet',
    );
  });

  it('is nothing where nothing was done, and nobody has to do anything', () => {
    expect(recoveryText(NOTHING)).toBeUndefined();
  });
});
