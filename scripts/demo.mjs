/**
 * `npm run demo`: sees to what is needed (scripts/setup), then plays examples/demo on a real engine against the built packages.
 *
 * The last line is `demo: ok, 0 containers, 0 routes, 0 processes left`, or `demo: failed: …` with exit code 1. Ctrl-C ends it early
 * and clears up all the same (exit code 130).
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { explain, SetupError, setUp } from './setup/index.mjs';
import { root } from './setup/process.mjs';

const NEEDS = ['docker-adapter', 'http-adapter', 'proxy-adapter', 'sql-adapter'];
/** How long this process may live on after its work: with nothing left open it ends by itself. */
const END_LIMIT_MS = 5_000;

let startMs = performance.now();
const interrupt = new AbortController();
/** In the environment of everything that the demo starts: how its processes are told from all others. */
const mark = `QUAYSIDE_DEMO=${randomBytes(8).toString('hex')}`;
let verdict = 'demo: failed: interrupted';
let playing = Promise.resolve();

// Whichever way it ends, this is the last that is said.
process.on('exit', (code) => {
  if (code !== 0 && verdict.startsWith('demo: ok')) verdict = `demo: failed: exit code ${code}`;
  console.log(verdict);
});
const crashed = (error) => {
  console.error(explain(error));
  verdict = `demo: failed: ${(error instanceof Error ? error.message : String(error)).split('\n')[0]}`;
  process.exitCode = 1;
  interrupt.abort();
};
process.on('uncaughtException', crashed);
process.on('unhandledRejection', crashed);

try {
  const workshop = await setUp({
    build: NEEDS,
    engine: true,
    tools: ['docker-registry', 'busybox-static'],
    onInterrupt: async () => {
      interrupt.abort();
      await playing;
    },
  });
  let demo;
  let outcome;
  try {
    demo = await load(workshop.run);
    startMs = performance.now();
    const [name, value] = mark.split('=');
    process.env[name] = value;
    playing = demo
      .runDemo({ socketPath: workshop.engine.socketPath, mark, signal: interrupt.signal })
      .then((result) => {
        outcome = result;
      });
    await playing;
  } finally {
    await workshop.close();
  }
  conclude(outcome, demo.processesLeft(mark));
} catch (error) {
  crashed(error);
}
setTimeout(() => {
  verdict = `demo: failed: ${process.getActiveResourcesInfo().join(', ')} kept the process from ending`;
  process.exit(1);
}, END_LIMIT_MS).unref();

/** Made JavaScript of, without our tsconfig's paths to the sources: what it imports is what was built and would be published. */
async function load(run) {
  const directory = join(root, '.cache', `demo-${process.pid}`);
  mkdirSync(directory, { recursive: true });
  try {
    const outfile = join(directory, 'main.mjs');
    const options = {
      entryPoints: [join(root, 'examples/demo/main.ts')],
      outfile,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      target: 'node20',
      tsconfigRaw: '{}',
      logLevel: 'warning',
    };
    // In a process of its own: esbuild leaves a service running, which the count at the end would find.
    const program = `import { buildSync } from 'esbuild'; buildSync(${JSON.stringify(options)});`;
    const args = ['--input-type=module', '--eval', program];
    const { code, output } = await run(process.execPath, args, { quiet: true, limitMs: 60_000 });
    if (code !== 0)
      throw new SetupError(`examples/demo does not compile:\n${output.trim()}`, 'Mend what stands above.');
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function conclude({ failure, containers, networks, images, routes, folders }, processes) {
  const counts = { containers, networks, images, routes, folders, processes: processes.length };
  const all = Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
  console.log(`\n   left       ${all}, after ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  for (const { pid, command } of processes) console.log(`   process    ${pid} ${command}`);
  const isClean = Object.values(counts).every((count) => count === 0);
  process.exitCode = failure === null && isClean ? 0 : 1;
  if (failure !== null) verdict = `demo: failed: ${failure}`;
  else if (!isClean) verdict = `demo: failed: left ${all}`;
  else verdict = `demo: ok, ${containers} containers, ${routes} routes, ${processes.length} processes left`;
}
