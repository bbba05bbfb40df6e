import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from './load.js';

// How a file is imported is tried where the command is run as a process; here it is what becomes of what it exports.
const module = vi.hoisted(() => ({ load: async (): Promise<unknown> => undefined }));
vi.mock('./import-module.js', () => ({ importModule: () => module.load() }));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quayside-load-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const load = (exported: unknown, limitMs?: number) => {
  module.load = async () => exported;
  return loadConfig(join(folder, 'quayside.config.ts'), {}, limitMs);
};
const OPTIONS = { runtime: {}, store: {}, projects: {} };

describe('a configuration', () => {
  it('is the default export, a promise of it, or a function that answers either', async () => {
    for (const value of [OPTIONS, Promise.resolve(OPTIONS), () => OPTIONS, async () => OPTIONS])
      expect((await load({ default: value }))._unsafeUnwrap().options).toBe(OPTIONS);
  });

  it('is module.exports where there is no default export', async () => {
    expect((await load(OPTIONS))._unsafeUnwrap().options).toBe(OPTIONS);
    expect((await load(() => OPTIONS))._unsafeUnwrap().options).toBe(OPTIONS);
  });

  it('is refused where nothing is exported, or something else', async () => {
    for (const value of [{}, { default: undefined }, { default: null }, { default: 'x' }, { default: [] }]) {
      const error = (await load(value))._unsafeUnwrapErr();
      expect(error).toMatchObject({ kind: 'invalid-config', issues: [{ path: 'default export' }] });
      expect(error.file).toContain('quayside.config.ts');
    }
  });

  it('has to come in time', async () => {
    const error = (await load({ default: () => new Promise(() => {}) }, 30))._unsafeUnwrapErr();
    expect(error.issues[0]?.received).toBe('it took longer than 0.03 s');
  });

  it('may be JSON, which is not code', async () => {
    const file = join(folder, 'quayside.config.json');
    await writeFile(file, JSON.stringify({ store: { adapter: 'sqlite', path: ':memory:' }, projects: {} }));
    expect((await loadConfig(file, {}))._unsafeUnwrap().options.projects).toEqual({});
    await writeFile(file, '{,}');
    expect((await loadConfig(file, {}))._unsafeUnwrapErr().issues).toMatchObject([{ path: 'quayside.config.json' }]);
  });
});
