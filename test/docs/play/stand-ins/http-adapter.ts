import { memoryProbe, memoryRegistry } from '@quayside/core/testing';
import {
  httpProbe as realProbe,
  distributionRegistry as realRegistry,
} from '../../../../packages/http-adapter/src/index.js';
import { standIn } from '../site.js';

export * from '../../../../packages/http-adapter/src/index.js';

export const httpProbe = standIn('httpProbe', realProbe, ({ engine }) => memoryProbe(engine));
export const distributionRegistry = standIn('distributionRegistry', realRegistry, ({ engine }) =>
  memoryRegistry(engine),
);
