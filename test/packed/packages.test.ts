/** What is published is what was meant: every file that it names, types for every way to import it, and nothing undeclared. */
import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, folders, type Packages, packAll, root } from './pack.js';

let packages: Packages;
beforeAll(async () => {
  packages = await packAll();
}, 300_000);
afterAll(() => packages?.[Symbol.asyncDispose]());

const packedOf = (folder: string) => {
  const found = packages.packed.find((one) => one.folder === folder);
  if (!found) throw new Error(`${folder} was not packed.`);
  return found;
};

describe.each(folders)('packages/%s', (folder) => {
  it('is as publint wants it', async () => {
    const { tarball } = packedOf(folder);
    const bytes = await readFile(tarball);
    const { messages, pkg } = await publint({
      pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer },
      strict: true,
    });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  it('has types that are right for every way to import it', async () => {
    const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');
    const { stdout } = await call(process.execPath, [attw, packedOf(folder).tarball, '--format', 'json'], {
      fails: true,
    });
    const { analysis } = JSON.parse(stdout);
    expect(analysis.types).toMatchObject({ kind: 'included' });
    expect(analysis.problems).toEqual([]);
  });

  it('carries its licence, and neither sources of tests nor settings of ours', async () => {
    const { files } = packedOf(folder);
    expect(files).toContain('LICENSE');
    const strange = files.filter((path) => !/^(dist\/|package\.json$|LICENSE$|README\.md$|CHANGELOG\.md$)/.test(path));
    expect(strange).toEqual([]);
    const licence = (directory: string) => readFile(join(root, directory, 'LICENSE'), 'utf8');
    expect(await licence(join('packages', folder))).toBe(await licence('.'));
  });

  it('imports only what it declares', async () => {
    const { files, manifest } = packedOf(folder);
    const declared = new Set([
      manifest.name,
      ...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies }),
    ]);
    const undeclared: string[] = [];
    for (const path of files.filter((file) => /\.(c|m)?js$|\.d\.[cm]?ts$/.test(file))) {
      const text = await readFile(join(root, 'packages', folder, path), 'utf8');
      for (const specifier of importsOf(text)) {
        const name = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/');
        if (!declared.has(name)) undeclared.push(`${path}: ${specifier}`);
      }
    }
    expect(undeclared).toEqual([]);
  });
});

/** Bare specifiers of packages, wherever a bundler writes them: at the beginning of a statement, or in a call. */
function importsOf(text: string): string[] {
  const patterns = [
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\b(?:require|import)\(\s*['"]([^'"]+)['"]\s*\)/g,
  ];
  return patterns
    .flatMap((pattern) => [...text.matchAll(pattern)].map(([, specifier]) => specifier as string))
    .filter((name) => !/^[./]/.test(name) && !name.startsWith('node:') && !builtinModules.includes(name));
}
