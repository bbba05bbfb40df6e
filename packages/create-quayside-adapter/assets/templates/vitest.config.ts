import { defineConfig } from 'vitest/config';

// Above the limit of a law, 50 s: a law that never ends says which rule it is, a test runner's limit does not.
export default defineConfig({
  test: { include: ['{src,test}/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 60_000 },
});
