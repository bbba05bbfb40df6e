import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(`./packages/${path}`, import.meta.url));

/** Tests run against the sources; what is built and packed has tests of its own (test/packed). */
export const alias = [
  { find: /^@quayside\/core\/testing$/, replacement: source('core/src/testing/index.ts') },
  { find: /^@quayside\/core\/ports$/, replacement: source('core/src/ports.ts') },
  { find: /^@quayside\/([a-z-]+)$/, replacement: source('$1/src/index.ts') },
];

export default defineConfig({
  resolve: { alias },
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['packages/*/src/**/*.test.ts'], maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          // After the unit tests, which measure times that a busy engine would spoil.
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
