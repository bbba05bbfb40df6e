/**
 * Sees to `node_modules`: what is installed is compared with the lock file, package by package, and `npm ci` runs only where
 * they differ. A lock file that no longer fits a package.json is npm's to report.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runNpm } from './process.mjs';
import { SetupError, say, since } from './say.mjs';

const OLDEST_NODE = [20, 19];

/** Node is old enough to fail in odd ways: say so first. */
export function checkNode(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new SetupError(`Node ${version} is too old.`, `Install Node ${OLDEST_NODE.join('.')} or newer.`);
}

/** Installs what the lock file says, unless it is there already. */
export async function installDependencies(directory = root) {
  const reason = whatDiffers(directory);
  if (reason === undefined) return;
  say(`installs the dependencies (npm ci): ${reason}`);
  const startMs = performance.now();
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--prefer-offline'];
  const { code, output } = await runNpm(args, { cwd: directory, quiet: true });
  if (code !== 0) {
    throw new SetupError(
      `npm ci failed:\n${output.trim()}`,
      'See to what npm says above (a registry that answers, a lock file that fits), then run it again.',
    );
  }
  say(`dependencies are installed (${since(startMs)})`);
}

/**
 * @returns {string | undefined} the first difference between what the lock file asks for and what is installed
 */
export function whatDiffers(directory) {
  const lockPath = join(directory, 'package-lock.json');
  if (!existsSync(lockPath)) return 'there is no package-lock.json';
  const installedPath = join(directory, 'node_modules/.package-lock.json');
  if (!existsSync(installedPath)) return 'node_modules is absent';
  const wanted = readJson(lockPath).packages;
  const installed = readJson(installedPath).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) {
      const drift = manifestDiffers(directory, path, entry);
      if (drift) return drift;
      continue;
    }
    const found = installed[path];
    // An optional one may be for another machine.
    if (!found && entry.optional) continue;
    if (!found) return `${nameOf(path)} is not installed`;
    if (found.version !== entry.version || found.integrity !== entry.integrity) {
      return `${nameOf(path)} is ${found.version}, the lock file says ${entry.version}`;
    }
    if (!existsSync(join(directory, path))) return `${nameOf(path)} is gone`;
  }
  const extra = Object.keys(installed).find((path) => !wanted[path]);
  return extra && `${nameOf(extra)} is not in the lock file`;
}

/** A package.json that was edited since the lock file was written. */
function manifestDiffers(directory, path, entry) {
  const manifestPath = join(directory, path, 'package.json');
  if (!existsSync(manifestPath)) return `${path || 'the workspace'} has no package.json`;
  const manifest = readJson(manifestPath);
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']) {
    const [asked, locked] = [manifest[kind] ?? {}, entry[kind] ?? {}];
    const names = new Set([...Object.keys(asked), ...Object.keys(locked)]);
    for (const name of names) {
      if (asked[name] !== locked[name]) return `${manifest.name} and the lock file differ about ${name}`;
    }
  }
  return undefined;
}

const nameOf = (path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
