import { defineConfig, type Options } from 'tsup';
import { library } from '../../tooling/tsup';

const base = library() as Options;

/** What a configuration imports is a library like the others; the command itself is run by Node alone, as a module. */
export default defineConfig([
  base,
  { ...base, entry: { bin: 'src/bin.ts' }, format: ['esm'], dts: false, clean: false },
]);
