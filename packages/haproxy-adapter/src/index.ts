export { haproxyConfiguration } from './configuration.js';
export { haproxy } from './haproxy.js';
export type { HaproxyOptions } from './options.js';
