/**
 * The simulation as one file: what the core loads only when it needs it is then there at once, so that a run waits for nothing but its
 * own clock, and a mutant is the same file with one text of the core's exchanged.
 */
import { build, type Plugin } from 'esbuild';

export async function bundle(entry: string, outfile: string, plugins: readonly Plugin[] = []): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'error',
    plugins: [...plugins],
  });
}
