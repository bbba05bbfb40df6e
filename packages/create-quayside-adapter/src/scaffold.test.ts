import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PORTS, ScaffoldError, scaffold } from './index.js';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'create-adapter-'));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

describe('a package', () => {
  it.each(PORTS)('for a $type has the laws wired, and its own names', async ({ key, suffix, laws, guide }) => {
    const { directory, packageName, files } = await scaffold({ port: key, name: 'kong-gateway', cwd });
    expect([packageName, directory]).toEqual([`quayside-kong-gateway-${key}`, join(cwd, packageName)]);
    const read = (path: string) => readFile(join(directory, path), 'utf8');
    const texts = await Promise.all(files.map(read));
    for (const [at, text] of texts.entries()) expect(text, files[at]).not.toMatch(/acme/i);
    expect(await read('src/index.ts')).toContain(`export const kongGateway${suffix} = (`);
    expect(await read('test/laws.test.ts')).toContain(`conforms(it, ${laws}, openSubject);`);
    expect(await read('README.md')).toContain(guide);
    expect(JSON.parse(await read('package.json'))).toMatchObject({ name: packageName, type: 'module' });
  });

  it('has the versions that Quayside itself is built with', async () => {
    const { directory } = await scaffold({ port: 'Store', name: 'mongo', cwd });
    const made = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
    const own = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
    const core = JSON.parse(await readFile(new URL('../../core/package.json', import.meta.url), 'utf8'));
    expect(made.devDependencies).toEqual(
      Object.fromEntries(Object.keys(made.devDependencies).map((name) => [name, own.devDependencies[name]])),
    );
    const { neverthrow, zod } = core.dependencies;
    expect(made.dependencies).toEqual({ '@quayside/core': `^${core.version}`, neverthrow, zod });
  });

  it('may have another name and place', async () => {
    const { directory, packageName } = await scaffold({
      port: 'proxy',
      name: 'kong',
      directory: 'packages/kong',
      packageName: '@you/quayside-kong',
      cwd,
    });
    expect([packageName, directory]).toEqual(['@you/quayside-kong', join(cwd, 'packages/kong')]);
  });

  it('may be made in a fresh repository', async () => {
    await mkdir(join(cwd, 'fresh/.git'), { recursive: true });
    expect((await scaffold({ port: 'ids', name: 'snowflake', directory: 'fresh', cwd })).files).toContain(
      'src/index.ts',
    );
  });
});

describe('what cannot be made is refused, and nothing is written', () => {
  it.each([
    ['an unknown port', { port: 'prxy', name: 'a' }, /^port: expected one of runtime, proxy, .*, got "prxy"\.$/],
    ['a name in capitals', { port: 'proxy', name: 'Kong' }, /^name: expected lower-case words .*, got "Kong"\.$/],
    ['a name that leaves the directory', { port: 'proxy', name: '../up' }, /^name: /],
    ['an empty name', { port: 'proxy', name: '' }, /^name: /],
    ['a name without end', { port: 'proxy', name: 'a'.repeat(300) }, /^name: /],
    [
      'no name for npm',
      { port: 'proxy', name: 'kong', packageName: 'Your Package' },
      /^package: expected .*"Your Package"/,
    ],
  ])('%s', async (_what, options, message) => {
    const refused = await scaffold({ ...options, cwd }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ScaffoldError);
    expect(refused).toMatchObject({ message: expect.stringMatching(message), hint: expect.stringMatching(/\.$/) });
    expect(await readdir(cwd)).toEqual([]);
  });

  it('a directory that holds something', async () => {
    await mkdir(join(cwd, 'mine'));
    await writeFile(join(cwd, 'mine/thesis.txt'), 'the only copy');
    const made = scaffold({ port: 'proxy', name: 'kong', directory: 'mine', cwd });
    await expect(made).rejects.toThrow(/^directory: expected an absent or empty one, and .*mine holds thesis\.txt\.$/);
    expect(await readdir(join(cwd, 'mine'))).toEqual(['thesis.txt']);
  });

  it('a directory that is a file', async () => {
    await writeFile(join(cwd, 'mine'), '');
    await expect(scaffold({ port: 'proxy', name: 'kong', directory: 'mine', cwd })).rejects.toThrow(/is a file\.$/);
  });
});
