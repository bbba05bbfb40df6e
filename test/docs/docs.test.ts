/** What the pages say is true: code compiles against the real API, links lead somewhere, and every table names what there is. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ApiErrorKind, STATUS } from '../../packages/api-adapter/src/problem.js';
import { routes } from '../../packages/api-adapter/src/routes/index.js';
import { parseArguments } from '../../packages/cli/src/arguments/parse.js';
import { COMMANDS } from '../../packages/cli/src/commands/index.js';
import { configSchemas } from '../../packages/core/src/config/schema.js';
import { isShell, wrongCommands, wrongMentions } from './commands.js';
import { compile, propertiesOf } from './compile.js';
import { isData, wrongData } from './data.js';
import { anchorsOf, blocksOf, isCode, pageOf, readPages, root, rowsOf, section } from './pages.js';
import { USES } from './play/uses/index.js';
import { isPlayed, runBlocks } from './run-blocks.js';

const pages = readPages();
const configuration = pageOf('docs/configuration.md');

describe('code', () => {
  it('compiles, each block by itself', () => {
    const blocks = pages.flatMap(blocksOf).filter(isCode);
    expect(blocks.length).toBeGreaterThan(3);
    expect(compile(blocks)).toEqual([]);
  });

  it('runs, each as its page says, and prints what stands behind it', async () => {
    const blocks = pages.flatMap(blocksOf).filter(isPlayed);
    expect(blocks.filter(({ prints }) => prints !== undefined).length).toBeGreaterThan(3);
    expect(await runBlocks(blocks)).toEqual([]);
  });

  it('is used as its page says: what is known of a block that is not there any more would hide that', () => {
    const ids = new Set(pages.flatMap(blocksOf).map(({ id }) => id));
    expect(Object.keys(USES).filter((id) => !ids.has(id))).toEqual([]);
  });

  it('of the README runs as examples/minimal does', () => {
    const [block] = blocksOf({ path: 'README.md', text: pageOf('README.md') }).filter(
      ({ language }) => language === 'js',
    );
    expect(block?.code).toBe(readFileSync(join(root, 'examples/minimal/deploy.mjs'), 'utf8'));
  });
});

describe('the README', () => {
  it('names every command of the command line, each as its own help has it', () => {
    const [console] = blocksOf({ path: 'README.md', text: pageOf('README.md') }).filter(
      (b) => b.language === 'console',
    );
    const lines = [...(console?.code ?? '').matchAll(/^\$ quayside ([^#\n]*)/gm)].map(([, line = '']) =>
      line.trim().split(/ +/),
    );
    expect(lines.map(([name]) => name).sort()).toEqual(COMMANDS.map(({ spec }) => spec.name).sort());
    for (const line of lines) {
      const parsed = parseArguments(
        line,
        COMMANDS.map(({ spec }) => spec),
      );
      expect(parsed.isOk(), `${line.join(' ')}: ${parsed.isErr() ? JSON.stringify(parsed.error) : ''}`).toBe(true);
    }
  });
});

describe('what a reader types', () => {
  const blocks = pages.flatMap(blocksOf);

  it('is understood by the programs that it names', async () => {
    const shell = blocks.filter(isShell);
    expect(shell.length).toBeGreaterThan(15);
    expect((await Promise.all(shell.map(wrongCommands))).flat()).toEqual([]);
  });

  it('is understood where the text mentions it, too', () => {
    expect(pages.flatMap(wrongMentions)).toEqual([]);
  });

  it('is data of its kind, and names what there is', () => {
    expect(blocks.filter(isData).flatMap(wrongData)).toEqual([]);
  });
});

describe('links', () => {
  it.each(pages.map(({ path, text }) => [path, text] as const))('of %s lead somewhere', (path, text) => {
    const prose = text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '');
    const broken = [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const [file = '', anchor] = target.split('#');
        const to = file === '' ? path : normalize(join(dirname(path), file));
        if (!existsSync(join(root, to))) return true;
        return anchor !== undefined && !anchorsOf(pageOf(to)).has(anchor);
      });
    expect(broken).toEqual([]);
  });
});

describe('docs/configuration.md', () => {
  const stageFields = propertiesOf('@quayside/core', 'StageDefaults');
  const but = (names: readonly string[], without: readonly string[]) => names.filter((name) => !without.includes(name));
  const documented = (heading: string) => [...rowsOf(section(configuration, heading)).keys()].sort();

  it.each([
    ['## `createDeployer`', propertiesOf('@quayside/core', 'DeployerOptions')],
    ['## Stages', [...stageFields, 'domains', ...but(propertiesOf('@quayside/core', 'ProjectOptions'), stageFields)]],
    ['### Health check', propertiesOf('@quayside/core', 'HealthcheckOptions')],
    ['## Settings', but(propertiesOf('@quayside/core', 'Settings'), stageFields)],
    ['## Requests', propertiesOf('@quayside/core', 'DeployRequest')],
    ['### `dockerRuntime(options)`', propertiesOf('@quayside/docker-adapter', 'DockerRuntimeOptions')],
    ['### `nginxProxyManager(options)`', propertiesOf('@quayside/npm-adapter', 'NginxProxyManagerOptions')],
    ['### `embeddedProxy(options)`', propertiesOf('@quayside/proxy-adapter', 'EmbeddedProxyOptions')],
    ['### `haproxy(options)`', propertiesOf('@quayside/haproxy-adapter', 'HaproxyOptions')],
    ['### `sqliteStore(options)`', propertiesOf('@quayside/sql-adapter', 'SqliteStoreOptions')],
    ['### `postgresStore(options)`', propertiesOf('@quayside/sql-adapter', 'PostgresStoreOptions')],
    ['### `httpProbe(options)`', propertiesOf('@quayside/http-adapter', 'HttpProbeOptions')],
    ['### `distributionRegistry(options)`', propertiesOf('@quayside/http-adapter', 'DistributionRegistryOptions')],
    ['### `webhookNotifier(options)`', propertiesOf('@quayside/http-adapter', 'WebhookNotifierOptions')],
  ])('names every option below "%s", and no other', (heading, options) => {
    expect(documented(heading)).toEqual([...options].sort());
  });

  it.each([
    ['## migrations', propertiesOf('@quayside/plugins', 'MigrationsOptions')],
    ['## approvalGate', propertiesOf('@quayside/plugins', 'ApprovalGateOptions')],
    ['## previewComment', propertiesOf('@quayside/plugins', 'PreviewCommentOptions')],
  ])('and the plugins’ own page every option below "%s"', (heading, options) => {
    const rows = rowsOf(section(pageOf('packages/plugins/README.md'), heading));
    expect([...rows.keys()].sort()).toEqual([...options].sort());
  });

  it('tells the defaults of the settings', () => {
    const rows = rowsOf(section(configuration, '## Settings'));
    for (const [name, value] of Object.entries(configSchemas().settings.parse({})))
      expect(rows.get(name)?.replaceAll(/[`]|(?<=\d) (?=\d)/g, ''), name).toBe(String(value));
  });
});

describe('docs/api.md', () => {
  const text = pageOf('docs/api.md');

  it('names every route with its action, and no other', () => {
    const rows = rowsOf(section(text, '## Routes'));
    const served = routes.map(({ method, path, action }) => [`${method} ${path}`, `\`${action}\``]);
    expect([...rows].map(([name, action]) => [name, action])).toEqual(served);
  });

  it('names every option, and every kind of its own with its status', () => {
    expect([...rowsOf(section(text, '## Options')).keys()].sort()).toEqual(
      [...propertiesOf('@quayside/api-adapter', 'ApiOptions')].sort(),
    );
    const source = readFileSync(join(root, 'packages/api-adapter/src/problem.ts'), 'utf8');
    const union = /export type ApiErrorKind =([\s\S]*?);/.exec(source)?.[1] ?? '';
    const kinds = [...union.matchAll(/'([a-z-]+)'/g)].map(([, kind = '']) => kind);
    const rows = rowsOf(section(text, '## Errors'));
    expect([...rows]).toEqual(kinds.map((kind) => [kind, String(STATUS[kind as ApiErrorKind])]));
  });
});

describe('docs/errors.md', () => {
  it('names every kind, and no other', () => {
    const source = readFileSync(join(root, 'packages/core/src/domain/errors.ts'), 'utf8');
    const union = source.slice(source.indexOf('export type ErrorKind ='), source.indexOf('/** The shape of every'));
    const kinds = [...union.matchAll(/^ {2}\| '([a-z-]+)'/gm)].map(([, kind]) => kind);
    const text = pageOf('docs/errors.md');
    const headings = [
      'The caller',
      'Any call',
      'Engine, image, registry',
      'Proxy',
      'Health',
      'Store, leases, secrets',
      'Endings',
    ];
    const named = headings.flatMap((heading) => [...rowsOf(section(text, `## ${heading}`)).keys()]);
    expect(kinds.length).toBeGreaterThan(40);
    expect(named.sort()).toEqual(kinds.sort());
  });

  it('names every reason of an instance that is not healthy, and no other', () => {
    const source = readFileSync(join(root, 'packages/core/src/domain/health.ts'), 'utf8');
    const union = /export type HealthReason =([\s\S]*?);/.exec(source)?.[1] ?? '';
    const reasons = [...union.matchAll(/'([a-z-]+)'/g)].map(([, reason]) => reason);
    const rows = rowsOf(section(pageOf('docs/errors.md'), '## Why an instance is not healthy'));
    expect([...rows.keys()].sort()).toEqual(reasons.sort());
  });
});

describe('docs/events.md', () => {
  it.each([
    ['## In the store', 'StoredEvents'],
    ['## In this process only', 'LocalEvents'],
  ])('names every event below "%s", with what it carries', (heading, type) => {
    const rows = rowsOf(section(pageOf('docs/events.md'), heading));
    expect([...rows.keys()].sort()).toEqual([...propertiesOf('@quayside/core', type)].sort());
    for (const [event, cell] of rows) {
      const told = [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
      expect(told.sort(), event).toEqual([...propertiesOf('@quayside/core', `${type}['${event}']`)].sort());
    }
  });
});
