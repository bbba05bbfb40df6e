/** The short form of `npm run bench:recover`: whether all is recovered. How fast that is for its size, only many can say. */
import { expect, it } from 'vitest';
import { measureRecovery } from '../../bench/support/recovery.js';

it('recovers every deployment of hosts that were killed, on a real engine', async () => {
  const { interrupted, wrong } = await measureRecovery({ deployments: 8, seed: Date.now() % 1_000 });
  expect(wrong).toEqual([]);
  expect(interrupted).toBe(8);
}, 120_000);
