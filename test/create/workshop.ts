/**
 * Fresh packages, made by the packed `create-quayside-adapter` against the packed core, as an author has them after `npm install`: what
 * they declare is there, and nothing else. It comes from this workspace by links, since a real install would take far longer.
 */
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { call, type Manifest, pack, root } from '../packed/pack.js';

const CREATE = 'create-quayside-adapter';

export interface Workshop extends AsyncDisposable {
  /** Makes a package for a port by the command's flags. */
  make(port: string): Promise<Fresh>;
}

export interface Fresh {
  readonly directory: string;
  /** What the compiler says; empty: nothing. */
  typecheck(): Promise<string>;
  /** Builds it and imports the result; answers what it exports, by either way. */
  build(): Promise<{ readonly esm: readonly string[]; readonly cjs: readonly string[] }>;
  /** Runs its tests; answers each with its failure, undefined for what passes. */
  test(): Promise<readonly { readonly name: string; readonly failure: string | undefined }[]>;
}

export async function openWorkshop(): Promise<Workshop> {
  const folder = await mkdtemp(join(tmpdir(), 'quayside-create-'));
  const modules = join(folder, 'node_modules');
  await using packages = await pack(['core', CREATE]);
  for (const { manifest, tarball } of packages.packed) {
    const target = join(modules, manifest.name);
    await mkdir(target, { recursive: true });
    await call('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
    await link(modules, manifest.dependencies);
  }
  return {
    async make(port) {
      const directory = join(folder, port);
      const bin = join(modules, CREATE, 'dist/bin.js');
      await call(process.execPath, [bin, '--port', port, '--name', 'kong-gateway', '--directory', port], {
        cwd: folder,
      });
      return fresh(directory, modules);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function fresh(directory: string, modules: string): Promise<Fresh> {
  const manifest: Manifest & { readonly devDependencies: Readonly<Record<string, string>> } = JSON.parse(
    await readFile(join(directory, 'package.json'), 'utf8'),
  );
  await link(modules, { ...manifest.dependencies, ...manifest.devDependencies });
  const run = (script: string, args: readonly string[], fails = false) =>
    call(process.execPath, [join(modules, script), ...args], { cwd: directory, fails });
  return {
    directory,
    typecheck: async () => (await run('typescript/bin/tsc', ['--noEmit'], true)).stdout,
    async build() {
      await run('tsup/dist/cli-default.js', ['--silent']);
      const names = async (args: readonly string[]) =>
        JSON.parse((await call(process.execPath, [...args], { cwd: directory })).stdout);
      const print = (load: string) =>
        `console.log(JSON.stringify(Object.keys(${load}).filter((name) => !/default|module/.test(name))))`;
      return {
        esm: await names(['--input-type=module', '-e', print("await import('./dist/index.js')")]),
        cjs: await names(['--input-type=commonjs', '-e', print("require('./dist/index.cjs')")]),
      };
    },
    async test() {
      const report = join(directory, 'report.json');
      await run('vitest/vitest.mjs', ['run', '--reporter=json', `--outputFile=${report}`], true);
      const { testResults }: Report = JSON.parse(await readFile(report, 'utf8'));
      return testResults.flatMap(({ assertionResults }) =>
        assertionResults.map(({ title, failureMessages }) => ({ name: title, failure: failureMessages[0] })),
      );
    },
  };
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly failureMessages: readonly string[] }[];
  }[];
}

/** What is there already stays: our own packages are the packed ones. */
async function link(modules: string, dependencies: Readonly<Record<string, string>> = {}): Promise<void> {
  for (const name of Object.keys(dependencies)) {
    if (name.startsWith('@quayside/')) continue;
    const path = join(modules, name);
    await mkdir(dirname(path), { recursive: true });
    await symlink(join(root, 'node_modules', name), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}
