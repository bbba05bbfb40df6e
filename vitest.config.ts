import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './tooling/longest-first.js';

const source = (path: string) => fileURLToPath(new URL(`./packages/${path}`, import.meta.url));

/** Tests run against the sources; what is built and packed has tests of its own (test/packed). */
export const alias = [
  { find: /^@quayside\/core\/testing$/, replacement: source('core/src/testing/index.ts') },
  { find: /^@quayside\/core\/ports$/, replacement: source('core/src/ports.ts') },
  { find: /^@quayside\/([a-z-]+)$/, replacement: source('$1/src/index.ts') },
];

/** Those that hold something to less than half a second: what else takes a core meanwhile would be measured, too. */
const TIMED = [
  'packages/proxy-adapter/test/**/*.test.ts',
  'packages/haproxy-adapter/test/progressive.test.ts',
  'packages/http-adapter/test/**/*.test.ts',
  'packages/sql-adapter/test/processes.test.ts',
  'test/adapters/**/*.test.ts',
];
const slow = { testTimeout: 60_000, hookTimeout: 120_000 };

export default defineConfig({
  resolve: { alias },
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts'],
          maxWorkers: 2,
          // Worlds in memory live briefly and by the thousand: with room for the young ones, few of them are ever copied.
          execArgv: ['--max-semi-space-size=64'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: TIMED,
          // After the unit tests, which measure times that a busy engine would spoil. These mostly wait for processes and engines: two
          // of them at a time, also where Vitest would keep a core for itself.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          ...slow,
        },
      },
      {
        extends: true,
        test: { name: 'timed', include: TIMED, maxWorkers: 1, sequence: { groupOrder: 2 }, ...slow },
      },
    ],
  },
});
