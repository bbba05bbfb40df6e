/** The real thing; that a block has made a deployer is remembered, so that it is closed. */
import type { Deployer } from '../../../../packages/core/src/index.js';
import { createDeployer as real } from '../../../../packages/core/src/index.js';
import { siteNow } from '../site.js';

export * from '../../../../packages/core/src/index.js';

export const createDeployer = ((options: Parameters<typeof real>[0]) =>
  real(options).map((deployer) => {
    siteNow().deployers.push(deployer as Deployer);
    return deployer;
  })) as typeof real;
