/** The command as it is shipped, in folders that have nothing of ours: as one that is installed globally finds them. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const call = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));
const bin = join(root, 'packages/cli/dist/bin.js');
const run = (args: readonly string[], cwd: string) => call(process.execPath, [bin, ...args], { cwd, timeout: 30_000 });

let folder: string;
beforeAll(async () => {
  await call(process.execPath, [join(root, 'scripts/build.mjs'), 'cli'], { cwd: root });
  folder = await mkdtemp(join(tmpdir(), 'quayside-built-'));
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const FIELDS = `runtime: dockerRuntime(), probe: httpProbe(), proxy: embeddedProxy(), store: sqliteStore({ path: 'quayside.db' }),
  settings: { domain: 'apps.test' }, projects: { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000 } } } },`;
const NAMES = {
  dockerRuntime: '@quayside/docker-adapter',
  httpProbe: '@quayside/http-adapter',
  embeddedProxy: '@quayside/proxy-adapter',
  sqliteStore: '@quayside/sql-adapter',
};
const imports = Object.entries(NAMES).map(([name, from]) => `import { ${name} } from '${from}';\n`);
const requires = Object.entries(NAMES).map(([name, from]) => `const { ${name} } = require('${from}');\n`);
const ESM = `${imports.join('')}export default { ${FIELDS} };\n`;
const CJS = `${requires.join('')}module.exports = { ${FIELDS} };\n`;
const TYPED = `import { defineConfig } from '@quayside/cli';
import { memoryWorld, type MemoryWorld } from '@quayside/core/testing';
${imports.join('')}
const world: MemoryWorld = memoryWorld();
const domain = await Promise.resolve('apps.test' satisfies string);
export default defineConfig(async () => ({ ${FIELDS} clock: undefined, ids: world.ids, settings: { domain } }));
`;
const HELPED = `import { store } from './helper';\n${imports.slice(0, 3).join('')}export default { ${FIELDS.replace(/store: [^)]*\)/, 'store')} };\n`;

const CONFIGS: readonly (readonly [file: string, text: string])[] = [
  ['quayside.config.ts', TYPED],
  ['quayside.config.mts', ESM],
  ['quayside.config.cts', ESM],
  ['quayside.config.js', ESM],
  ['quayside.config.mjs', ESM],
  ['quayside.config.cjs', CJS],
];

it.each(CONFIGS)(
  'finds its packages for %s, from a folder below, and keeps the store beside it',
  async (file, text) => {
    const place = await mkdtemp(join(folder, 'config-'));
    const below = join(place, 'a/b');
    await mkdir(below, { recursive: true });
    await writeFile(join(place, file), text);
    const { stdout, stderr } = await run(['ps', '--json'], below);
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
    expect(await readdir(place)).toContain('quayside.db');
    expect(await readdir(below)).toEqual([]);
  },
);

it('finds them for the helpers of a configuration too', async () => {
  const place = await mkdtemp(join(folder, 'helped-'));
  await writeFile(
    join(place, 'helper.ts'),
    "import { sqliteStore } from '@quayside/sql-adapter';\nexport const store = sqliteStore({ path: 'quayside.db' });\n",
  );
  await writeFile(join(place, 'quayside.config.ts'), HELPED);
  expect((await run(['history'], place)).stderr).toBe('Nothing was deployed.\n');
});

it('keeps stdout for itself with --json, whatever a configuration writes', async () => {
  const place = await mkdtemp(join(folder, 'loud-'));
  await writeFile(join(place, 'quayside.config.mjs'), `console.log('hello');\n${ESM}`);
  expect(await run(['ps', '--json'], place)).toMatchObject({ stdout: '', stderr: 'hello\n' });
});

it('is helpful to machines in their own way', async () => {
  for (const args of [['--help'], ['deploy', '--help']]) {
    const { stdout } = await run([...args, '--json'], folder);
    expect(JSON.parse(stdout)).toEqual({ type: 'help', text: (await run(args, folder)).stdout.trimEnd() });
  }
});

it('knows its version, and answers it without a configuration', async () => {
  expect((await run(['--version'], folder)).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
