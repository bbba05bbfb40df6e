/** `npm run build` builds what changed, what that changes in turn, and nothing else: held in a small workspace of its own. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../packed/pack.js';

let workspace: string;

const write = async (path: string, content: string | object) => {
  const full = join(workspace, path);
  await mkdir(join(full, '..'), { recursive: true });
  await writeFile(full, typeof content === 'string' ? content : JSON.stringify(content));
};

const definePackage = async (name: string, source: string, dependencies: object = {}) => {
  await write(`packages/${name}/package.json`, {
    name: `@small/${name}`,
    version: '0.0.0',
    type: 'module',
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
    dependencies,
  });
  await write(`packages/${name}/tsconfig.json`, { extends: '../../tsconfig.base.json', include: ['src'] });
  await write(
    `packages/${name}/tsup.config.ts`,
    "import { library } from '../../tooling/tsup';\nexport default library({ sourcemap: false });\n",
  );
  await write(`packages/${name}/src/index.ts`, source);
  await mkdir(join(workspace, 'node_modules/@small'), { recursive: true });
  await symlink(join(workspace, 'packages', name), join(workspace, 'node_modules/@small', name));
};

/** @returns which packages were built, in that order, and whether it went well */
const build = () =>
  new Promise<{ built: string[]; ok: boolean; output: string }>((resolve) => {
    execFile(
      process.execPath,
      [join(workspace, 'scripts/build.mjs')],
      { timeout: 120_000 },
      (error, stdout, stderr) => {
        const built = [...stdout.matchAll(/^build: (\S+) \(/gm)].map(([, name]) => name as string);
        resolve({ built, ok: error === null, output: stdout + stderr });
      },
    );
  });

beforeAll(async () => {
  await mkdir(join(root, '.cache'), { recursive: true });
  workspace = await mkdtemp(join(root, '.cache/build-test-'));
  for (const path of ['scripts', 'tooling', 'tsconfig.base.json', 'package-lock.json']) {
    await cp(join(root, path), join(workspace, path), { recursive: true });
  }
  await mkdir(join(workspace, 'node_modules'));
  for (const name of ['tsup', 'typescript']) {
    await symlink(join(root, 'node_modules', name), join(workspace, 'node_modules', name));
  }
  // Named so that the order of the alphabet is not that of the dependencies.
  await definePackage('a-user', "import { give } from '@small/z-base';\nexport const given = give();\n", {
    '@small/z-base': '^0.0.0',
  });
  await definePackage('z-base', 'export const give = (): number => 1;\n');
});
afterAll(() => rm(workspace, { recursive: true, force: true }));

describe('the build', () => {
  it('builds what is imported before what imports it, and then nothing until something changes', async () => {
    expect(await build()).toMatchObject({ built: ['z-base', 'a-user'], ok: true });
    expect(await build()).toMatchObject({ built: [], ok: true });
  });

  it('ignores a change of a test, and keeps one of the code from packages that see its types alone', async () => {
    await write('packages/z-base/src/index.test.ts', 'export {};\n');
    expect((await build()).built).toEqual([]);
    await write('packages/z-base/src/index.ts', 'export const give = (): number => 2;\n');
    expect((await build()).built).toEqual(['z-base']);
    expect(await readFile(join(workspace, 'packages/z-base/dist/index.js'), 'utf8')).toContain('2');
  });

  it('builds again what sees a type that changed', async () => {
    await write('packages/z-base/src/index.ts', "export const give = (): string => 'three';\n");
    expect((await build()).built).toEqual(['z-base', 'a-user']);
    expect(await readFile(join(workspace, 'packages/a-user/dist/index.d.ts'), 'utf8')).toContain('string');
  });

  it('builds again where somebody touched what was built', async () => {
    await rm(join(workspace, 'packages/a-user/dist/index.cjs'));
    expect((await build()).built).toEqual(['a-user']);
  });

  it('leaves out what needs a package that failed, says why it failed, and fails every time until it is mended', async () => {
    await write('packages/z-base/src/index.ts', 'export const give = (): number => nothing;\n');
    for (let round = 0; round < 2; round += 1) {
      const { built, ok, output } = await build();
      expect({ built, ok }).toEqual({ built: [], ok: false });
      expect(output).toContain("Cannot find name 'nothing'");
      expect(output).toContain('a-user is left out');
    }
    await write('packages/z-base/src/index.ts', 'export const give = (): number => 4;\n');
    expect(await build()).toMatchObject({ built: ['z-base', 'a-user'], ok: true });
  });

  it('fails where a package names a file that it does not build', async () => {
    const path = 'packages/a-user/package.json';
    const manifest = JSON.parse(await readFile(join(workspace, path), 'utf8'));
    await write(path, { ...manifest, bin: { small: './dist/bin.js' } });
    const { ok, output } = await build();
    expect(ok).toBe(false);
    expect(output).toContain('./dist/bin.js');
  });
});
