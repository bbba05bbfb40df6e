import { okAsync } from 'neverthrow';
import { checkMs } from '../../domain/health.js';
import { checkHealth } from '../health-check.js';
import { calls, wholeLimit } from '../limits.js';
import type { Step } from '../step.js';

/** Waits until the instance has proved itself. It changes nothing, and has nothing to take back. */
export const healthStep: Step = {
  name: 'health',
  version: 1,
  intent: () => okAsync({}),
  limit: (flow) => {
    const ms = checkMs(flow.spec.health);
    // And what is asked of the engine for the verdict: how it ended, what it said last.
    return ms === null ? wholeLimit(flow) : { ms: calls(flow, 2, ms).ms, setting: 'healthcheck' };
  },
  does: () => 'waits',
  run: (flow, _intent, signal) => {
    const startedMs = flow.host.clock.monotonicMs();
    const end = () => flow.seen.looking?.end();
    const checked = checkHealth(flow, signal).andTee(end).orTee(end);
    return checked.map(() => {
      const waitedMs = Math.round(flow.host.clock.monotonicMs() - startedMs);
      flow.log('info', `Healthy after ${waitedMs} ms.`, { waitedMs });
    });
  },
  undo: () => okAsync(undefined),
};
