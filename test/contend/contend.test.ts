/** The short form of `npm run test:contend`. Again, with the same wishes: `SEED=41 npx vitest run --project integration test/contend`. */
import { expect, it } from 'vitest';
import { STORE_KINDS } from '../support/store-at.js';
import { contendOn } from './contend.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

it.concurrent.each(STORE_KINDS)(
  `lets one at a time change a stage on %s, and loses nothing of four processes of which one is killed, SEED=${seed}`,
  async (kind) => {
    const { deployments, overlaps, lost } = await contendOn(kind, { deployments: 20, disturbances: 1, seed });
    expect({ overlaps, lost }).toEqual({ overlaps: [], lost: [] });
    expect(deployments).toBeGreaterThanOrEqual(20);
  },
  180_000,
);
