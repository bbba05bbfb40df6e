/**
 * `npm run build [-- core sql-adapter]`: builds the packages in the order of their dependencies, two at a time, each with its own
 * tsup. A package is built again only where something changed that its result depends on: its sources, its settings, the
 * installed dependencies, or the *types* of the packages that it imports (their code stays outside its bundle).
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pause, root, run } from './setup/process.mjs';
import { explain, SetupError, since } from './setup/say.mjs';

const CACHE = join(root, '.cache/build');
const SHARED_INPUTS = ['tooling/tsup.ts', 'tsconfig.base.json', 'package-lock.json'];
const BUILD_LIMIT_MS = 180_000;
const LOCK_LIMIT_MS = 600_000;

const say = (line) => console.log(`build: ${line}`);

/**
 * @param {readonly string[]} [only] directory names below `packages`, which are built with all that they need; default every one
 * @returns {Promise<{ ok: boolean, built: readonly string[] }>}
 */
export async function buildAll(only = []) {
  const startMs = performance.now();
  const unlock = await lock();
  try {
    const packages = withDependencies(readPackages(), only);
    const outcome = new Map();
    await inOrder(packages, async (one) => {
      const broken = one.needs.find((need) => outcome.get(need.name) === 'failed');
      if (broken) say(`${one.name} is left out: ${broken.name} failed`);
      outcome.set(one.name, broken ? 'failed' : await build(one));
    });
    const of = (kind) => [...outcome].filter(([, what]) => what === kind).map(([name]) => name);
    const failed = of('failed');
    say(
      `${of('built').length} built, ${of('unchanged').length} unchanged, ${failed.length} failed (${since(startMs)})`,
    );
    return { ok: failed.length === 0, built: of('built') };
  } finally {
    unlock();
  }
}

/** Every package of the workspace, each with those of the workspace that it imports. */
export function readPackages() {
  const packages = readdirSync(join(root, 'packages'))
    .map((name) => ({ name, directory: join(root, 'packages', name) }))
    .filter(({ directory }) => existsSync(join(directory, 'package.json')))
    .map((one) => ({
      ...one,
      manifest: JSON.parse(readFileSync(join(one.directory, 'package.json'), 'utf8')),
      needs: [],
    }));
  for (const one of packages) {
    const { dependencies, devDependencies, peerDependencies } = one.manifest;
    const names = Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies });
    one.needs = packages.filter(({ manifest }) => names.includes(manifest.name));
  }
  return packages;
}

function withDependencies(packages, only) {
  if (only.length === 0) return packages;
  const wanted = new Set();
  const add = (one) => {
    if (wanted.has(one)) return;
    wanted.add(one);
    one.needs.forEach(add);
  };
  for (const name of only) {
    const one = packages.find((candidate) => candidate.name === name || candidate.manifest.name === name);
    if (!one) {
      throw new SetupError(`There is no package "${name}".`, `Name one of ${packages.map((p) => p.name).join(', ')}.`);
    }
    add(one);
  }
  return [...wanted];
}

/** Runs the work for each package once all that it needs is done, as many at a time as there are cores, at most four. */
async function inOrder(packages, work) {
  const waiting = new Set(packages);
  const done = new Set();
  const active = new Set();
  const width = Math.min(4, Math.max(1, availableParallelism()));
  while (waiting.size > 0 || active.size > 0) {
    for (const one of waiting) {
      if (active.size >= width) break;
      if (!one.needs.every((need) => done.has(need))) continue;
      waiting.delete(one);
      const task = work(one).then(() => {
        done.add(one);
        active.delete(task);
      });
      active.add(task);
    }
    if (active.size === 0) {
      const names = [...waiting].map(({ name }) => name).join(', ');
      throw new SetupError(`These packages depend on each other: ${names}.`, 'Take one of the dependencies out.');
    }
    await Promise.race(active);
  }
}

/** @returns {Promise<'built' | 'unchanged' | 'failed'>} */
async function build({ name, directory, manifest, needs }) {
  const startMs = performance.now();
  const stampPath = join(CACHE, `${name}.json`);
  const inputs = hashOf([
    ...SHARED_INPUTS.map((path) => join(root, path)),
    ...filesBelow(directory).filter((path) => !isTest(path)),
    // `dist/*.d.ts` of what it imports.
    ...needs.flatMap((need) => filesBelow(join(need.directory, 'dist')).filter((path) => /\.d\.[cm]?ts$/.test(path))),
  ]);
  const dist = join(directory, 'dist');
  if (existsSync(stampPath)) {
    const stamp = JSON.parse(readFileSync(stampPath, 'utf8'));
    if (stamp.inputs === inputs && stamp.outputs === hashOf(filesBelow(dist))) return 'unchanged';
  }
  rmSync(stampPath, { force: true });
  // What a file is no longer built to must not be packed either.
  rmSync(dist, { recursive: true, force: true });

  const tsup = join(root, 'node_modules/tsup/dist/cli-default.js');
  const { code, output, timedOut } = await run(process.execPath, [tsup, '--silent'], {
    cwd: directory,
    quiet: true,
    limitMs: BUILD_LIMIT_MS,
  });
  const absent = code === 0 ? filesPromised(manifest).filter((path) => !existsSync(join(directory, path))) : [];
  if (code !== 0 || absent.length > 0) {
    if (timedOut) say(`${name} took longer than ${BUILD_LIMIT_MS / 1000} s`);
    else if (absent.length > 0) say(`${name} names files that were not built: ${absent.join(', ')}`);
    else say(`${name} failed:\n${output.trim()}`);
    return 'failed';
  }
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(stampPath, JSON.stringify({ inputs, outputs: hashOf(filesBelow(dist)) }));
  say(`${name} (${since(startMs)})`);
  return 'built';
}

/** Every file that the manifest points to: a build that leaves one out would be published broken. */
function filesPromised({ main, module, types, bin, exports }) {
  const leaves = (value) =>
    typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [value];
  return [main, module, types, ...leaves(bin), ...leaves(exports)].filter((path) => typeof path === 'string');
}

const isTest = (path) => /\.test\.[cm]?tsx?$/.test(path);

/** Paths in order, without what is built or installed. A package's own tests do not change what is built. */
function filesBelow(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true })
    .filter((path) => !/(^|\/)(dist|node_modules|test|coverage)(\/|$)/.test(path))
    .sort()
    .map((path) => join(directory, path))
    .filter((path) => statSync(path).isFile());
}

function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths)
    hash
      .update(`${relative(root, path)}\0`)
      .update(readFileSync(path))
      .update('\0');
  return hash.digest('hex');
}

/** One build at a time in this tree: two would take each other's `dist` away. A lock whose holder is dead counts for nothing. */
async function lock() {
  mkdirSync(CACHE, { recursive: true });
  const path = join(CACHE, 'lock');
  const startMs = performance.now();
  for (let told = false; ; ) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = holderOf(path);
    if (holder === undefined) continue;
    if (!told) say(`waits for another build (process ${holder})`);
    told = true;
    if (performance.now() - startMs > LOCK_LIMIT_MS) {
      throw new SetupError(
        `Process ${holder} holds the build for long.`,
        `End it, or remove ${path} if it does not build.`,
      );
    }
    await pause(200);
  }
}

/** @returns {string | undefined} undefined where the lock was just released, or its holder is gone: then it is taken away */
function holderOf(path) {
  let pid;
  try {
    pid = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  // Created and not yet written.
  if (pid === '') return 'unknown';
  try {
    process.kill(Number(pid), 0);
    return pid;
  } catch (error) {
    if (error.code === 'EPERM') return pid;
    rmSync(path, { force: true });
    return undefined;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    const { ok } = await buildAll(process.argv.slice(2));
    process.exitCode = ok ? 0 : 1;
  } catch (error) {
    console.error(explain(error));
    process.exitCode = 1;
  }
}
