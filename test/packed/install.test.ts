/**
 * What a user meets: an empty project, the packed packages installed into it (without install scripts: none is needed), and each
 * entry imported from ESM, from CJS and from TypeScript, whose compiler reads every declaration that it is led to.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consumerLock } from './consumer-lock.js';
import { call, folders, type Manifest, npm, type Packages, packAll, readManifest, root, specifiers } from './pack.js';

const manifests: readonly Manifest[] = await Promise.all(folders.map(readManifest));
const entries = manifests.flatMap(specifiers);
const bins = manifests.flatMap(({ bin }) => Object.keys(bin ?? {}));

let packages: Packages;
let project: string;
beforeAll(async () => {
  packages = await packAll();
  project = await mkdtemp(join(tmpdir(), 'quayside-consumer-'));
  await install();
}, 300_000);
afterAll(async () => {
  await packages?.[Symbol.asyncDispose]();
  if (project) await rm(project, { recursive: true, force: true });
});

/** Our own packages come from the tarballs, also where one asks for another; all else from wherever npm gets its packages. */
async function install() {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  const manifest = {
    name: 'consumer',
    private: true,
    dependencies: Object.fromEntries(packages.packed.map((one) => [one.manifest.name, `file:${one.tarball}`])),
    // The compiler is the workspace's; the types of Node must be the project's own.
    devDependencies: { '@types/node': lock.packages['node_modules/@types/node'].version },
  };
  await write('package.json', manifest);
  await write('package-lock.json', await consumerLock(manifest, packages.packed));
  await npm(['ci', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: project });
}

async function write(path: string, content: string | object): Promise<string> {
  const full = join(project, path);
  await mkdir(join(full, '..'), { recursive: true });
  await writeFile(full, typeof content === 'string' ? content : JSON.stringify(content, undefined, 2));
  return full;
}

/** The names that an entry exports; the program must end by itself, as importing opens nothing. */
async function namesBy(kind: 'esm' | 'cjs', entry: string): Promise<string[]> {
  const load = kind === 'esm' ? `await import(${JSON.stringify(entry)})` : `require(${JSON.stringify(entry)})`;
  // What Node adds of its own where the one kind loads the other.
  const print = `console.log(JSON.stringify(Object.keys(${load}).filter((name) => !['default', '__esModule', 'module.exports'].includes(name)).sort()))`;
  const path = await write(kind === 'esm' ? 'load/esm.mjs' : 'load/cjs.cjs', print);
  const { stdout, stderr } = await call(process.execPath, [path], { cwd: project });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

describe.each(entries)('%s', (entry) => {
  it('exports the same from ESM and from CJS, and prints and holds open nothing', async () => {
    const names = await namesBy('esm', entry);
    expect(names).not.toEqual([]);
    expect(await namesBy('cjs', entry)).toEqual(names);
  });
});

it.each(['esm', 'cjs'] as const)(
  'a deployer of the %s build finds what it loads later, and its process ends',
  async (kind) => {
    const load = (entry: string) => (kind === 'esm' ? `await import('${entry}')` : `require('${entry}')`);
    const program = `(async () => {
    const { createDeployer, unwrap } = ${load('@quayside/core')};
    const { engine, clock, ...ports } = (${load('@quayside/core/testing')}).memoryWorld();
    engine.push('registry.test/shop:v1');
    const settings = { domain: 'apps.test' };
    const projects = { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000 } } } };
    const deployer = await unwrap(createDeployer({ ...ports, clock, settings, projects }));
    const deployed = await clock.until(unwrap(deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' })));
    const pruned = await unwrap(deployer.prune({ dryRun: true }));
    await clock.until(deployer.close());
    console.log(deployed.status, typeof pruned);
  })();`;
    const path = await write(kind === 'esm' ? 'work/esm.mjs' : 'work/cjs.cjs', program);
    expect(await call(process.execPath, [path], { cwd: project })).toMatchObject({
      stdout: 'succeeded object\n',
      stderr: '',
    });
  },
);

describe('TypeScript at its strictest', () => {
  // A module without types would be `any`, which is every type at once.
  const program = entries
    .map(
      (entry, index) =>
        `import * as entry${index} from '${entry}';\n` +
        `export const typed${index}: 0 extends 1 & typeof entry${index} ? false : true = true;\n`,
    )
    .join('');
  const strict = {
    target: 'ES2022',
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: false,
    noEmit: true,
    // Ours are read as well, and what they lead to.
    skipLibCheck: false,
    types: ['node'],
  };

  const compile = async (name: string, compilerOptions: object, files: readonly string[]) => {
    for (const file of files) await write(join(name, file), program);
    const config = await write(join(name, 'tsconfig.json'), {
      compilerOptions: { ...strict, ...compilerOptions },
      files,
    });
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    return (await call(process.execPath, [tsc, '-p', config], { cwd: project, fails: true })).stdout;
  };

  it('compiles as nodenext, from modules of both kinds', async () => {
    const options = { module: 'nodenext', moduleResolution: 'nodenext' };
    expect(await compile('nodenext', options, ['esm.mts', 'cjs.cts'])).toBe('');
  });

  it('compiles for a bundler', async () => {
    const options = { module: 'esnext', moduleResolution: 'bundler' };
    expect(await compile('bundler', options, ['app.ts'])).toBe('');
  });
});

describe.runIf(bins.length > 0)('the commands', () => {
  it.each(bins)('%s answers --help', async (bin) => {
    const { stdout } = await call(join(project, 'node_modules/.bin', bin), ['--help'], { cwd: project });
    expect(stdout).toContain(bin);
  });
});
