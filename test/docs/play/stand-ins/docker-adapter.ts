import { memoryRuntime } from '@quayside/core/testing';
import { dockerRuntime as real } from '../../../../packages/docker-adapter/src/index.js';
import { standIn } from '../site.js';

export * from '../../../../packages/docker-adapter/src/index.js';

export const dockerRuntime = standIn('dockerRuntime', real, ({ engine }) => memoryRuntime(engine));
