/** `@quayside/cli`: what a configuration file needs. The command itself is `quayside`. */

export { defineConfig, type QuaysideConfig } from './config/define-config.js';
export { fromCommand } from './config/from-command.js';
