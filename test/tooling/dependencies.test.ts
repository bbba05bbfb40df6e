/** `npm ci` runs where what is installed does not fit the lock file, and only there: it takes everything away first. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { root } from '../packed/pack.js';

const {
  checkNode,
  whatDiffers,
}: { checkNode(version: string): void; whatDiffers(directory: string): string | undefined } = await import(
  join(root, 'scripts/setup/dependencies.mjs')
);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quayside-lock-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const left = { version: '1.2.3', integrity: 'sha512-left' };
const small = { name: 'small', dependencies: { left: '^1.0.0' } };

/** A workspace in order, but for what is given. */
async function workspace({
  locked = { 'node_modules/left': left } as object,
  installed = { 'node_modules/left': left } as object | null,
  manifest = small as object,
  folders = ['left'] as readonly string[],
} = {}) {
  const write = (path: string, content: object) => writeFile(join(directory, path), JSON.stringify(content));
  await mkdir(join(directory, 'node_modules'));
  for (const folder of folders) await mkdir(join(directory, 'node_modules', folder));
  await write('package.json', manifest);
  await write('package-lock.json', { packages: { '': small, ...locked } });
  if (installed) await write('node_modules/.package-lock.json', { packages: installed });
  return whatDiffers(directory);
}

describe('what is installed', () => {
  it('fits where it is what the lock file says', async () => {
    expect(await workspace()).toBeUndefined();
  });

  it('fits without an optional package that is for other machines', async () => {
    const locked = { 'node_modules/left': left, 'node_modules/left-windows': { ...left, optional: true } };
    expect(await workspace({ locked })).toBeUndefined();
  });

  it.each([
    ['was never installed', { installed: null }, 'absent'],
    ['lacks a package', { installed: {} }, 'left is not installed'],
    ['has another version', { installed: { 'node_modules/left': { ...left, version: '1.2.2' } } }, '1.2.2'],
    ['has other bytes', { installed: { 'node_modules/left': { ...left, integrity: 'sha512-other' } } }, 'left'],
    ['has a package too many', { locked: {} }, 'left is not in the lock file'],
    ['lost a folder', { folders: [] }, 'left is gone'],
    ['was not asked for by today’s package.json', { manifest: { name: 'small', dependencies: {} } }, 'about left'],
  ])('does not fit where it %s', async (_what, given, said) => {
    expect(await workspace(given)).toContain(said);
  });
});

describe('the version of Node', () => {
  it.each(['20.19.0', '20.20.2', '22.0.0'])('%s will do', (version) => {
    expect(() => checkNode(version)).not.toThrow();
  });

  it.each(['18.20.0', '20.18.3'])('%s is refused', (version) => {
    expect(() => checkNode(version)).toThrow('too old');
  });
});
