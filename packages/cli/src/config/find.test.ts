import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONFIG_NAMES, findConfig } from './find.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quayside-find-'));
  await mkdir(join(folder, 'a/b'), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const write = (path: string) => writeFile(join(folder, path), '');
const issues = async (named: string | undefined, cwd: string) =>
  (await findConfig(named, join(folder, cwd)))._unsafeUnwrapErr().issues;

describe('a configuration', () => {
  it.each(CONFIG_NAMES)('is found upwards: %s', async (name) => {
    await write(name);
    expect((await findConfig(undefined, join(folder, 'a/b')))._unsafeUnwrap()).toBe(join(folder, name));
  });

  it('is the nearest one', async () => {
    await write('quayside.config.ts');
    await write('a/quayside.config.json');
    expect((await findConfig(undefined, join(folder, 'a/b')))._unsafeUnwrap()).toBe(
      join(folder, 'a/quayside.config.json'),
    );
  });

  it('is not guessed where a folder has two', async () => {
    await write('quayside.config.ts');
    await write('quayside.config.json');
    expect(await issues(undefined, '')).toMatchObject([
      { path: '--config', expected: expect.stringMatching(/one of several/) },
    ]);
    expect((await findConfig('quayside.config.json', folder)).isOk()).toBe(true);
  });

  it('is the one that was named, from where one is', async () => {
    await write('a/other.mjs');
    expect((await findConfig('../other.mjs', join(folder, 'a/b')))._unsafeUnwrap()).toBe(join(folder, 'a/other.mjs'));
    expect(await issues('missing.ts', 'a')).toMatchObject([{ received: expect.stringContaining('does not exist') }]);
    expect(await issues('quayside.yml', 'a')).toMatchObject([{ expected: expect.stringContaining('.json') }]);
  });
});
