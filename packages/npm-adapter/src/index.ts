export type { NginxProxyManagerOptions } from './options.js';
export { nginxProxyManager } from './proxy-manager.js';
