import { defineConfig, type Options } from 'tsup';
import { library } from '../../tooling/tsup';

// The templates are files of their own: they are read, and not run. `shims`: both builds find them beside themselves.
const base = { ...(library() as Options), shims: true };

/** `scaffold` is a library like the others; the command itself is run by Node alone, as a module. */
export default defineConfig([
  { ...base, publicDir: 'assets' },
  { ...base, entry: { bin: 'src/bin.ts' }, format: ['esm'], dts: false, clean: false },
]);
