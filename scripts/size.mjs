/**
 * `npm run size`: what the core costs whoever embeds it, beyond its three dependencies: bytes, as a bundler would ship them, and
 * time to import, in a fresh process. Fails beyond the bars below. What the import leaves for later is told beside it: what
 * `createDeployer` loads, for every host that makes one, and what is loaded only if it is needed.
 *
 * The time is the median of the differences of pairs, each of two new processes, one that imports the dependencies and one that
 * imports the core (and them through it), in turns: what slows the machine for a while slows both. kB are 1000 bytes, and both
 * figures of the last line are rounded up.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { setUp } from './setup/index.mjs';
import { root } from './setup/process.mjs';
import { explain } from './setup/say.mjs';

const LIMIT_BYTES = 40_000;
const LIMIT_MS = 15;
const PAIRS = 41;

const core = join(root, 'packages/core');

try {
  const workshop = await setUp({ build: ['core'] });
  await workshop.close();
  process.exitCode = await measure();
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}

async function measure() {
  const { build } = await import('esbuild');
  /**
   * Minified, with these left outside: the bytes of what importing it loads, of what that loads in turn once it is called, of what else is
   * loaded if it is needed, and the specifiers that it still imports.
   */
  const bundle = async (entry, external) => {
    const { outputFiles, metafile } = await build({
      ...entry,
      bundle: true,
      splitting: true,
      outdir: root,
      minify: true,
      write: false,
      metafile: true,
      format: 'esm',
      target: 'node20',
      platform: 'neutral',
      // Neutral looks at neither; the dependencies have no other entry.
      mainFields: ['module', 'main'],
      external,
      logLevel: 'error',
    });
    const outputs = new Map(outputFiles.map(({ path, contents }) => [relative(root, path), contents]));
    const paths = Object.keys(metafile.outputs);
    const keyOf = (path) => relative(root, resolve(path));
    /** What a chunk, and what it imports, needs beyond what is there already; the chunks that it leaves for later. */
    const load = (path, known) => {
      const more = new Set();
      const left = new Set();
      const visit = (next) => {
        if (known.has(next) || more.has(next)) return;
        more.add(next);
        for (const { path: to, kind, external: isOutside } of metafile.outputs[next].imports)
          if (!isOutside) kind === 'dynamic-import' ? left.add(to) : visit(to);
      };
      visit(path);
      return { more, left };
    };
    const atImport = load(
      paths.find((path) => /(^|\/)(index|stdin)\.js$/.test(path)),
      new Set(),
    );
    const atCall = new Set([...atImport.left].flatMap((path) => [...load(path, atImport.more).more]));
    const later = paths.filter((path) => !atImport.more.has(path) && !atCall.has(path));
    const size = (some) =>
      gzipSync(Buffer.concat([...some].map((path) => outputs.get(keyOf(path)))), { level: 9 }).length;
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.filter((one) => one.external));
    return {
      bytes: size(atImport.more),
      atCallBytes: size(atCall),
      laterBytes: size(later),
      imports: imports.map(({ path }) => path),
    };
  };

  const { dependencies } = JSON.parse(readFileSync(join(core, 'package.json'), 'utf8'));
  const names = Object.keys(dependencies);
  const resolveDir = core;
  for (const name of names) {
    const { bytes } = await bundle({ stdin: { contents: `export * from '${name}'`, resolveDir } }, []);
    const { version } = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'));
    console.log(`${name} ${version}: ${kB(bytes)} kB gzip (all of it)`);
  }
  const { bytes, atCallBytes, laterBytes, imports } = await bundle(
    { entryPoints: [join(core, 'dist/index.js')] },
    names.flatMap((name) => [name, `${name}/*`]),
  );
  const used = [...new Set(imports)].sort();
  console.log(`the core imports ${used.length > 0 ? used.join(', ') : 'none of them'}`);

  const pairs = [];
  const coreUrl = pathToFileURL(join(core, 'dist/index.js')).href;
  // The first ones fill the file system's cache.
  for (let pair = -2; pair < PAIRS; pair += 1) {
    const coreFirst = pair % 2 === 0;
    const first = importMs(coreFirst ? [coreUrl] : names);
    const second = importMs(coreFirst ? names : [coreUrl]);
    if (pair >= 0) pairs.push(coreFirst ? { core: first, deps: second } : { core: second, deps: first });
  }
  const depsMs = median(pairs.map(({ deps }) => deps));
  const differences = pairs.map((pair) => pair.core - pair.deps);
  const extraMs = Math.max(0, median(differences));
  console.log(`importing ${names.join(', ')}: ${depsMs.toFixed(1)} ms (median of ${PAIRS} processes)`);
  console.log(
    `importing the core: ${median(pairs.map((pair) => pair.core)).toFixed(1)} ms, which is ${extraMs.toFixed(1)} ms more ` +
      `(median of ${PAIRS} pairs, ${Math.min(...differences).toFixed(1)} to ${Math.max(...differences).toFixed(1)})`,
  );
  console.log(
    `the core, minified: ${bytes} bytes gzip; ${atCallBytes} more that createDeployer loads; ${laterBytes} that are loaded when they are needed`,
  );

  if (bytes > LIMIT_BYTES) console.log(`too big: at most ${LIMIT_BYTES} bytes`);
  if (extraMs > LIMIT_MS) console.log(`too slow: at most ${LIMIT_MS} ms`);
  console.log(`core: ${Math.ceil(bytes / 1000)} kB gzip, ${Math.ceil(extraMs)} ms import`);
  return bytes > LIMIT_BYTES || extraMs > LIMIT_MS ? 1 : 0;
}

/** How long a fresh process takes to import these, told by itself. */
function importMs(specifiers) {
  // All at once, as the core's own import statements load them.
  const program =
    `const start = performance.now();` +
    `await Promise.all(${JSON.stringify(specifiers)}.map((specifier) => import(specifier)));` +
    `console.log(performance.now() - start);`;
  // In the core's folder, whose dependencies these are.
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: core,
    timeout: 30_000,
  });
  return Number(output.toString());
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function kB(bytes) {
  return (bytes / 1000).toFixed(1);
}
