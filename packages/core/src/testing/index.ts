export * as assert from './laws/assert.js';
export * from './laws/law.js';
export * from './memory/clock.js';
export * from './memory/engine.js';
export * from './memory/ids.js';
export * from './memory/network.js';
export * from './memory/runtime.js';
export * from './memory/sealer.js';
export * from './memory/store.js';
