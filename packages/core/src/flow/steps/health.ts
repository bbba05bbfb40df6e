import { okAsync } from 'neverthrow';
import { checkHealth } from '../health-check.js';
import type { Step } from '../step.js';

/** Waits until the instance has proved itself. It changes nothing, and has nothing to take back. */
export const healthStep: Step = {
  name: 'health',
  version: 1,
  intent: () => okAsync({}),
  does: () => 'waits',
  run: (flow, _intent, signal) => {
    const startedMs = flow.host.clock.monotonicMs();
    return checkHealth(flow, signal).map(() => {
      const waitedMs = Math.round(flow.host.clock.monotonicMs() - startedMs);
      flow.log('info', `Healthy after ${waitedMs} ms.`, { waitedMs });
    });
  },
  undo: () => okAsync(undefined),
};
