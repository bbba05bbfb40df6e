import { nginxProxyManager as real } from '../../../../packages/npm-adapter/src/index.js';
import { standIn } from '../site.js';

export const nginxProxyManager = standIn('nginxProxyManager', real, ({ proxy }) => proxy);
