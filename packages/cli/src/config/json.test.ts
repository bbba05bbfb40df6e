import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeployerOptions, Issue } from '@quayside/core';
import type { Result } from 'neverthrow';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { optionsOfJson } from './json.js';

const BASE = { store: { adapter: 'sqlite', path: 'x.db' }, projects: {} };
const made = async (config: object, env: Record<string, string> = {}) =>
  (await optionsOfJson({ ...BASE, ...config }, env))._unsafeUnwrap();
const portIssues = (port: unknown): readonly Issue[] =>
  (port as Result<object, { issues: readonly Issue[] }>)._unsafeUnwrapErr().issues;
const isMade = (port: unknown): boolean => (port as Result<object, unknown>).isOk();

describe('a configuration in JSON', () => {
  it('names adapters, in short where they need nothing more', async () => {
    const options = await made({
      $schema: 'https://example.test/schema.json',
      proxy: 'embedded',
      registry: { adapter: 'distribution' },
      notifiers: [{ adapter: 'webhook', url: 'https://hooks.example.test/x' }],
    });
    const { runtime, proxy, store, probe, registry, notifiers } = options;
    expect([runtime, proxy, store, probe, registry, ...(notifiers ?? [])].map(isMade)).toEqual(Array(6).fill(true));
    expect(options).not.toHaveProperty('$schema');
  });

  it('needs no runtime and no probe: Docker and HTTP are meant', async () => {
    const { runtime, probe, proxy } = await made({});
    expect([isMade(runtime), isMade(probe), proxy]).toEqual([true, true, undefined]);
  });

  it('makes the proxy of its own name from its options', async () => {
    const { proxy } = await made(
      {
        proxy: {
          adapter: 'npm',
          url: 'http://127.0.0.1:81',
          identity: 'a@b.test',
          secret: '$PASSWORD',
          frontDoor: 'http://127.0.0.1',
        },
      },
      { PASSWORD: 'long-enough-password' },
    );
    expect(isMade(proxy), JSON.stringify(proxy)).toBe(true);
  });

  it('speaks of its own fields where an adapter is told something wrong', async () => {
    const { runtime, store, notifiers, proxy } = await made({
      runtime: { adapter: 'docker', netwrk: 'x' },
      store: { adapter: 'sqlite', pth: 'x' },
      notifiers: [{ adapter: 'webhook', url: 'ftp://x' }],
      proxy: { adapter: 'caddy' },
    });
    expect(portIssues(runtime).map(({ path }) => path)).toEqual(['runtime.netwrk']);
    expect(portIssues(store).map(({ path }) => path)).toEqual(['store.path', 'store.pth']);
    expect(portIssues(notifiers?.[0]).map(({ path }) => path)).toEqual(['notifiers[0].url']);
    expect(portIssues(proxy)).toEqual([
      { path: 'proxy.adapter', expected: 'one of "embedded", "haproxy", "npm"', received: '"caddy"' },
    ]);
  });

  it('takes secrets from the environment: in adapters, keys and env, and nowhere else', async () => {
    const env = { KEY: 'k', VALUE: 'v', HOST: 'unix:///run/x.sock' };
    const options: DeployerOptions = await made(
      {
        secrets: { keys: ['$KEY'] },
        projects: {
          shop: {
            image: 'a/b',
            stages: { dev: { env: { A: '$VALUE', B: '$$VALUE', C: 'x$VALUE' }, command: ['echo', '$VALUE'] } },
          },
        },
      },
      env,
    );
    expect(options.secrets).toEqual({ keys: ['k'] });
    expect(options.projects).toMatchObject({
      shop: { stages: { dev: { env: { A: 'v', B: '$VALUE', C: 'x$VALUE' }, command: ['echo', '$VALUE'] } } },
    });
  });

  it('names plugins: of ours, of a file, and what is wrong with them in place', async () => {
    const options = await made(
      {
        plugins: [
          { plugin: 'migrations', command: ['migrate'], env: { URL: '$DATABASE_URL' } },
          'approval',
          { plugin: 'migrations', comand: ['x'], command: ['x'] },
          { plugin: 'preview-comment', url: 'ftp://x' },
          'migratons',
          7,
          {},
        ],
      },
      { DATABASE_URL: 'postgres://db' },
    );
    const plugins = options.plugins as readonly unknown[];
    expect(plugins.map(isMade)).toEqual([true, true, false, false, false, false, false]);
    expect(plugins.slice(2).flatMap((each) => portIssues(each).map(({ path }) => path))).toEqual([
      'plugins[2].comand',
      'plugins[3].url',
      'plugins[4].plugin',
      'plugins[5]',
      'plugins[6].plugin',
    ]);
    expect(portIssues(plugins[4])[0]?.expected).toContain('did you mean "migrations"?');
  });

  describe('with a plugin of a file', () => {
    let folder: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'quayside-plugins-'));
      await writeFile(
        join(folder, 'own.mjs'),
        `export default (options) => ({
          name: 'own', version: '1.0.0', after: [], setup() {},
          adapters: { proxy: { traefik: (given) => ({ isOk: () => true, mapErr() { return this; }, value: { options, given } }) } },
        });`,
      );
    });
    afterEach(() => rm(folder, { recursive: true, force: true }));
    const at = async (config: object) => optionsOfJson({ ...BASE, ...config }, {}, folder);

    it('names the adapters that it brings', async () => {
      const options = (
        await at({ plugins: [{ plugin: './own.mjs', a: 1 }], proxy: { adapter: 'traefik', entry: 'web' } })
      )._unsafeUnwrap();
      expect(options.proxy).toMatchObject({ value: { options: { a: 1 }, given: { entry: 'web' } } });
      const { proxy } = (await at({ plugins: ['./own.mjs'], proxy: 'treafik' }))._unsafeUnwrap();
      expect(portIssues(proxy)[0]?.expected).toContain('"traefik" (did you mean "traefik"?)');
    });

    it('refuses two adapters of one name', async () => {
      const twice = await at({ plugins: ['./own.mjs', './own.mjs'] });
      expect(twice._unsafeUnwrapErr().issues.map(({ path }) => path)).toEqual(['plugins[1].adapters.proxy.traefik']);
    });

    it('says which file could not be loaded, and why', async () => {
      const { plugins } = (await at({ plugins: ['./none.mjs', 'no-such-package-anywhere'] }))._unsafeUnwrap();
      for (const each of plugins ?? []) expect(portIssues(each)[0]?.received).toMatch(/none\.mjs|no-such-package/);
    });
  });

  it('names each field whose variable is not set', async () => {
    const answer = await optionsOfJson(
      { ...BASE, secrets: { keys: ['$A'] }, proxy: { adapter: 'npm', secret: '$B' } },
      {},
    );
    expect(answer._unsafeUnwrapErr().issues.map(({ path }) => path)).toEqual(['secrets.keys[0]', 'proxy.secret']);
  });
});
