/**
 * An image of node itself and one script, built from nothing else: the files of this very node, the libraries that it is linked to, and what of
 * a shell the checks and hooks of others need.
 */
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { WORKBENCH_LABEL, type Workbench } from '../../../test/support/engine.js';
import { buildImage, pushImage } from '../../../test/support/images.js';

const APPLETS = ['sh', 'test', 'touch', 'sleep', 'wget'];

/**
 * Builds one image for each version of the app, all on one base, and pushes them.
 *
 * @param env of the app, beside its version: `APP_FINISHES=yes`
 */
export async function pushVersions(
  bench: Workbench,
  repository: string,
  versions: readonly string[],
  env: readonly string[] = [],
): Promise<void> {
  const base = `${bench.prefix}/node:latest`;
  const app = await readFile(new URL('app.mjs', import.meta.url), 'utf8');
  const dockerfile = `FROM scratch\nLABEL ${WORKBENCH_LABEL}=${bench.prefix}\nCOPY root /\nCMD ["/bin/node", "/app.mjs"]\n`;
  await buildImage(bench, base, { Dockerfile: dockerfile, 'root/app.mjs': app }, copyNode);
  for (const version of versions) {
    const reference = `${repository}:${version}`;
    const variables = [`APP_VERSION=${version}`, ...env].join(' ');
    await buildImage(bench, reference, { Dockerfile: `FROM ${base}\nENV ${variables}\n` });
    await pushImage(bench, reference);
  }
}

async function copyNode(directory: string): Promise<void> {
  const root = join(directory, 'root');
  await mkdir(join(root, 'bin'), { recursive: true });
  await cp(process.execPath, join(root, 'bin/node'), { dereference: true });
  const { stdout } = await promisify(execFile)('ldd', [process.execPath]);
  for (const [path] of stdout.matchAll(/\/\S+/g)) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await cp(path, join(root, path), { dereference: true });
  }
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  for (const applet of APPLETS) await symlink('busybox', join(root, 'bin', applet));
  await mkdir(join(root, 'tmp'));
}
