import type { Deployment, HealthEvidence, Instance, StoredError } from '@quayside/core';
import { describe, expect, it } from 'vitest';
import { lookOf } from '../../terminal/style.js';
import { widthOf } from '../../terminal/width.js';
import type { Verdict } from './presenter.js';
import { verdictLines } from './verdict.js';

const look = lookOf({ isTTY: true, env: {}, platform: 'linux', noColor: true });
const deployment: Deployment = {
  id: '01k6v1c9q0n2f7abcd',
  project: 'shop',
  stage: 'dev',
  tag: 'v2',
  kind: 'deploy',
  status: 'succeeded',
  cleanup: 'none',
  digest: null,
  queuedAt: 0,
  startedAt: 0,
  endedAt: 3_200,
  durationMs: 3_200,
  steps: [],
  instance: '01k6v1c9q0n2f7abcd',
  previous: null,
  error: null,
  by: null,
  left: [],
  needsHost: null,
  supersededBy: null,
  hasLog: true,
};
const evidence: HealthEvidence = {
  reason: 'exited',
  attempts: 0,
  polls: 3,
  waitedMs: 120,
  last: { atMs: 80, status: 503, body: 'not yet' },
  container: { state: 'exited', exitCode: 3, oomKilled: false, restarts: 0 },
  lastLines: ['no \u001b[31mdatabase', 'giving up'],
};
const error: StoredError = {
  kind: 'unhealthy',
  code: 'exited',
  message: 'shop-dev-v2-x is not healthy: its process ended with exit code 3.',
  hint: "Read the container's last lines: its process ended by itself.",
  retryable: false,
  step: 'health',
  details: JSON.parse(JSON.stringify(evidence)),
  causes: [],
};
const failed: Deployment = { ...deployment, status: 'failed', error, instance: null };
const verdict = (fields: Partial<Verdict>): Verdict => ({
  exitCode: 0,
  deployment,
  instance: null,
  serving: null,
  error: null,
  ...fields,
});
const text = (fields: Partial<Verdict>, columns?: number) => verdictLines(verdict(fields), look, columns).join('\n');

describe('the verdict', () => {
  it('names the domains of what is live', () => {
    const instance = { domains: ['a.test', 'b.test'] } as unknown as Instance;
    expect(text({ instance })).toBe('✔ shop/dev v2 is live after 3.2 s\n  a.test\n  b.test');
    expect(text({ deployment: { ...deployment, status: 'unchanged' } })).toBe(
      '✔ shop/dev v2 is live already: nothing has changed',
    );
  });

  it('says why it failed, what the container said last, what still serves, and what to do', () => {
    const serving = { tag: 'v1' } as Instance;
    expect(text({ deployment: failed, error, serving, exitCode: 1 })).toBe(
      [
        '✖ shop/dev v2 failed at health after 3.2 s and was rolled back; v1 goes on serving',
        '  shop-dev-v2-x is not healthy: its process ended with exit code 3.',
        '  it answered: not yet',
        '  container: exited, exit code 3',
        '  The container said last:',
        '  │ no database',
        '  │ giving up',
        "  Read the container's last lines: its process ended by itself.",
        '  quayside logs 01k6v1c9q0n2f7abcd',
      ].join('\n'),
    );
  });

  it('fits a narrow terminal', () => {
    for (const line of verdictLines(
      verdict({ deployment: failed, error, serving: { tag: 'v1' } as Instance }),
      look,
      40,
    ))
      expect(widthOf(line), line).toBeLessThanOrEqual(40);
  });

  it('says what could not be undone', () => {
    const left = { ...failed, cleanup: 'pending', left: ['create (shop-dev-v2-x)'] } as const;
    const shown = text({ deployment: left, error, exitCode: 3 });
    expect(shown).toContain('failed at health after 3.2 s, and could not be rolled back whole');
    expect(shown).toContain('! Left: create (shop-dev-v2-x).');
    expect(shown).toContain('It is tried again whenever quayside runs with this configuration.');
  });

  it('gives no advice to whoever has cancelled it', () => {
    const cancelled = { ...failed, status: 'cancelled', error: { ...error, kind: 'cancelled' } } as const;
    expect(text({ deployment: cancelled, error: cancelled.error, exitCode: 130 })).toBe(
      '✖ shop/dev v2 was cancelled after 3.2 s and was rolled back\n  quayside logs 01k6v1c9q0n2f7abcd',
    );
  });
});
