import { defineConfig, type Options } from 'tsup';

/** One recipe for every package: ESM and CJS with types for both, for the oldest Node we support. */
export const library = (options: Partial<Options> = {}) =>
  defineConfig({
    entry: { index: 'src/index.ts' },
    format: ['esm', 'cjs'],
    target: 'node20',
    platform: 'node',
    dts: true,
    sourcemap: true,
    clean: true,
    treeshake: true,
    ...options,
  });
