/** What every host of a contention is configured with. */
import type { DeployerOptions, Settings } from '../../packages/core/src/index.js';
import type { StoreAt } from '../support/store-at.js';

export interface Place {
  readonly store: StoreAt;
  readonly settings: Settings;
}

export const PROJECT = 'shop';
export const IMAGE = 'registry.test/shop';
/** Tags that work, and one that ends at once. */
export const TAGS = ['v1', 'v2', 'v3', 'v4'] as const;
export const BROKEN = 'broken';

export const PROJECTS: DeployerOptions['projects'] = {
  [PROJECT]: {
    image: IMAGE,
    stages: {
      '*': {
        port: 3000,
        maxInstances: 2,
        drain: 0,
        stopGrace: 0,
        healthcheck: { interval: '500ms', timeout: '2s', retries: 2 },
      },
    },
  },
};
