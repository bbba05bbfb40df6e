/** Scripts for processes of their own, bundled from their sources: a child then begins in a third of the time that tsx takes. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Inside node_modules, so that what is not bundled is found from there. */
const FOLDER = join(ROOT, 'node_modules/.quayside-tests');

/**
 * @param script its URL: `new URL('./victim.ts', import.meta.url)`
 * @param isSplit whether what is loaded later is a file of its own; default no: in one file the packages that it imports are loaded at once
 * @returns the path of a module that node runs
 */
export async function bundled(script: URL, isSplit = false): Promise<string> {
  const entry = fileURLToPath(script);
  await mkdir(FOLDER, { recursive: true });
  // A name of this process's own: two may bundle at once.
  const name = `${entry.slice(ROOT.length).replace(/[^a-z0-9]+/gi, '-')}-${process.pid}`;
  await build({
    entryPoints: { [name]: entry },
    outdir: FOLDER,
    bundle: true,
    splitting: isSplit,
    chunkNames: `${name}/[name]-[hash]`,
    outExtension: { '.js': '.mjs' },
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    tsconfig: join(ROOT, 'tsconfig.json'),
    sourcemap: 'inline',
    logLevel: 'error',
    plugins: [ownUrls],
  });
  return join(FOLDER, `${name}.mjs`);
}

/** Put together, as this file may itself be in a bundle, and still has to find it in others. */
const OWN_URL = ['import', 'meta', 'url'].join('.');

/** What a file finds beside itself it still finds there. */
const ownUrls: Plugin = {
  name: 'own-urls',
  setup({ onLoad }) {
    onLoad({ filter: /\/(bench|test|examples)\/[^?]*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { contents: source.replaceAll(OWN_URL, JSON.stringify(pathToFileURL(path).href)), loader: 'ts' };
    });
  },
};
