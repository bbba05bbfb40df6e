/** What is in the package that is made: every file's text, decided before one is written. */
import { devDependencies as tools } from '../../../package.json';
import { dependencies as libraries, version } from '../../core/package.json';
import type { Names } from './names.js';
import type { Port } from './ports.js';

export interface Templates {
  readonly adapter: string;
  readonly subject: string;
  /** The same for every port. */
  readonly notImplemented: string;
  readonly laws: string;
  readonly tsupConfig: string;
  readonly vitestConfig: string;
}

export interface Wish {
  readonly port: Port;
  readonly names: Names;
  /** Of the package. */
  readonly packageName: string;
}

/** @returns by the path inside the package */
export function filesOf(wish: Wish, templates: Templates): ReadonlyMap<string, string> {
  const { port, names } = wish;
  const factory = `${names.camel}${port.suffix}`;
  const source = (text: string, moved: Readonly<Record<string, string>>) => named(rewired(text, moved), names);
  return new Map([
    ['package.json', json(manifest(wish))],
    ['tsconfig.json', json(TSCONFIG)],
    ['tsup.config.ts', templates.tsupConfig],
    ['vitest.config.ts', templates.vitestConfig],
    ['.gitignore', 'node_modules/\ndist/\n'],
    ['README.md', readme(wish, factory)],
    ['src/index.ts', source(templates.adapter, { '../not-implemented.js': './not-implemented.js' })],
    ['src/not-implemented.ts', templates.notImplemented],
    [
      'test/subject.ts',
      source(templates.subject, {
        './adapter.js': '../src/index.js',
        '../not-implemented.js': '../src/not-implemented.js',
      }),
    ],
    ['test/laws.test.ts', lawsTest(templates.laws, port, factory)],
  ]);
}

/** Templates lie beside each other in one folder; here is where their files go. */
const rewired = (text: string, moved: Readonly<Record<string, string>>): string =>
  Object.entries(moved).reduce((sofar, [from, to]) => sofar.replaceAll(`'${from}'`, `'${to}'`), text);

/** A template's adapter is one for `acme`. */
const named = (text: string, { kebab, camel, pascal }: Names): string =>
  text
    .replaceAll("'acme'", `'${kebab}'`)
    .replaceAll('acme://', `${kebab}://`)
    .replace(/acme(?=[A-Z])/g, camel)
    .replaceAll('Acme', pascal);

const json = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`;

function manifest({ port, names, packageName }: Wish): object {
  const both = { types: './dist/index.d.ts', default: './dist/index.js' };
  return {
    name: packageName,
    version: '0.1.0',
    description: `${port.type} of Quayside for ${names.kebab}`,
    license: 'UNLICENSED',
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20.19' },
    main: './dist/index.cjs',
    module: './dist/index.js',
    types: './dist/index.d.ts',
    exports: {
      '.': { import: both, require: { types: './dist/index.d.cts', default: './dist/index.cjs' } },
      './package.json': './package.json',
    },
    files: ['dist'],
    scripts: {
      build: 'tsup',
      typecheck: 'tsc --noEmit',
      test: 'vitest run',
      next: 'vitest run --bail 1',
      prepublishOnly: 'npm run typecheck && npm test && npm run build',
    },
    dependencies: {
      '@quayside/core': `^${version}`,
      neverthrow: libraries.neverthrow,
      zod: libraries.zod,
    },
    devDependencies: {
      '@types/node': tools['@types/node'],
      tsup: tools.tsup,
      typescript: tools.typescript,
      vitest: tools.vitest,
    },
  };
}

const TSCONFIG = {
  compilerOptions: {
    target: 'ES2022',
    lib: ['ES2023'],
    module: 'ESNext',
    moduleResolution: 'Bundler',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noImplicitOverride: true,
    noImplicitReturns: true,
    noFallthroughCasesInSwitch: true,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    skipLibCheck: true,
    declaration: true,
  },
  include: ['src', 'test', '*.config.ts'],
};

/** Its template is the one for a store. */
const lawsTest = (text: string, { laws, type }: Port, factory: string): string =>
  text
    .replaceAll('storeLaws', laws)
    .replaceAll('acmeStore', factory)
    .replace('the laws of Store', `the laws of ${type}`)
    .replace('./store/subject.js', './subject.js');

function readme({ port, names, packageName }: Wish, factory: string): string {
  const call = `${factory}(${port.example})`;
  // A list takes several, and these three are given as they are: whatever else is a port or the Result of one.
  const value = port.option === 'notifiers' ? `[${call}]` : port.option === 'sealer' ? `unwrap(${call})` : call;
  const unwraps = port.option === 'sealer' ? "import { unwrap } from '@quayside/core/ports';\n" : '';
  return `# ${packageName}

\`${port.type}\` of [Quayside](https://www.npmjs.com/package/@quayside/core) for ${names.kebab}.

\`\`\`sh
npm i @quayside/core ${packageName}
\`\`\`

\`\`\`ts
${unwraps}import { ${factory} } from '${packageName}';

// To createDeployer, with the other ports and projects.
export const ports = { ${port.option}: ${value} };
\`\`\`

## Writing it

The contract of the port is a list of laws, and \`test/laws.test.ts\` holds the adapter to all of them.

| command             |                                                                             |
| ------------------- | --------------------------------------------------------------------------- |
| \`npm run next\`      | the first law that is broken: what to implement next, or what it got wrong  |
| \`npm test\`          | every law                                                                   |
| \`npm run typecheck\` | TypeScript over sources and tests                                           |
| \`npm run build\`     | ESM, CJS and types into \`dist\`                                              |

1. \`src/index.ts\` has a place for every method. A broken law says \`not implemented: next implement …\`, in the order in which they stand.
2. \`test/subject.ts\` is what the laws work with: a real ${names.kebab}, and what stands around it. Make it open a clean one for each law.
3. A broken law names its rule, what the contract says about it, and the section of the guide: \`${port.guide}\` in Quayside's repository.
4. When no law is broken and nobody imports \`src/not-implemented.ts\`, delete that file: the adapter is done.
`;
}
