/** What `npm publish` would send: every package of the workspace, built and packed into a folder of its own. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Packed {
  /** Its folder below `packages`. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly tarball: string;
  /** Of the tarball, as a lock file has it. */
  readonly integrity: string;
  /** Paths inside the tarball, without the leading `package/`. */
  readonly files: readonly string[];
}

export interface Packages extends AsyncDisposable {
  readonly directory: string;
  readonly packed: readonly Packed[];
}

/** Read at once, since the names of the tests depend on it. */
export const folders: readonly string[] = (await readdir(join(root, 'packages'), { withFileTypes: true }))
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

export const readManifest = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(root, 'packages', folder, 'package.json'), 'utf8'));

/** What a program can import of a package: `@quayside/core`, `@quayside/core/ports`, … */
export const specifiers = ({ name, exports }: Manifest): string[] =>
  Object.keys(exports)
    .filter((path) => path !== './package.json')
    .map((path) => name + path.slice(1));

/** Builds what changed since the last build, then packs every package. */
export const packAll = (): Promise<Packages> => pack(folders);

/** The same for some of them, by their folders. */
export async function pack(only: readonly string[]): Promise<Packages> {
  // One that fails has no dist afterwards, which its own tests tell; the others are held to theirs all the same.
  await call(process.execPath, [join(root, 'scripts/build.mjs'), ...(only === folders ? [] : only)], { fails: true });
  const directory = await mkdtemp(join(tmpdir(), 'quayside-packed-'));
  const workspaces = only.flatMap((folder) => ['--workspace', `packages/${folder}`]);
  const { stdout } = await npm(['pack', ...workspaces, '--json', '--pack-destination', directory]);
  const reports: { name: string; filename: string; integrity: string; files: { path: string }[] }[] =
    JSON.parse(stdout);
  const packed = await Promise.all(
    only.map(async (folder) => {
      const manifest = await readManifest(folder);
      const report = reports.find(({ name }) => name === manifest.name);
      if (!report) throw new Error(`npm pack left ${manifest.name} out.`);
      const files = report.files.map(({ path }) => path);
      return { folder, manifest, tarball: join(directory, report.filename), integrity: report.integrity, files };
    }),
  );
  return {
    directory,
    packed,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, at most two minutes; rejects with what it said unless it ends well or `fails` is allowed. */
export async function call(
  command: string,
  args: readonly string[],
  { cwd = root, fails = false }: { readonly cwd?: string; readonly fails?: boolean } = {},
): Promise<Finished> {
  try {
    const options = { cwd, env: cleanEnvironment(), timeout: 120_000, maxBuffer: 256 * 1024 * 1024 };
    return { code: 0, ...(await promisify(execFile)(command, [...args], options)) };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string };
    if (fails && typeof code === 'number') return { code, stdout, stderr };
    throw new Error(`${command} ${args.join(' ')}\n${stdout}\n${stderr}`, { cause: error });
  }
}

export const npm = (args: readonly string[], options?: Parameters<typeof call>[2]) => call('npm', args, options);

/** Under `npm test` npm tells its children about this workspace, and an npm elsewhere would believe that it is meant. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const ofThisRun =
    /^(npm_(package|lifecycle|command|execpath|config_(local_prefix|workspaces?)).*|INIT_CWD|NODE_ENV|VITEST.*)$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofThisRun.test(name)));
}
