import { haproxy as real } from '../../../../packages/haproxy-adapter/src/index.js';
import { standIn } from '../site.js';

export * from '../../../../packages/haproxy-adapter/src/index.js';

export const haproxy = standIn('haproxy', real, ({ proxy }) => proxy);
