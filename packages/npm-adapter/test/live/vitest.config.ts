import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { alias } from '../../../../vitest.config.js';

export default defineConfig({
  root: fileURLToPath(new URL('../../../..', import.meta.url)),
  resolve: { alias },
  test: {
    include: ['packages/npm-adapter/test/live/*.suite.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
