/** TypeScript over texts that are in no file: the repository's own settings, as if each stood in a file at its top. */
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { type Block, root } from './pages.js';

const config = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config,
  ts.sys,
  root,
);
// An example declares what its reader goes on with.
const options: ts.CompilerOptions = { ...config.options, noUnusedLocals: false, allowJs: true, checkJs: true };

/** Read and bound once for all programs: the sources of the packages are in every one of them. */
const known = new Map<string, ts.SourceFile | undefined>();

function programOf(files: ReadonlyMap<string, string>): ts.Program {
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.getSourceFile = (path, ...rest) => {
    const text = files.get(path);
    if (text !== undefined) return ts.createSourceFile(path, text, rest[0], true);
    if (!known.has(path)) known.set(path, getSourceFile(path, ...rest));
    return known.get(path);
  };
  host.getCurrentDirectory = () => dirname(join(root, 'package.json'));
  return ts.createProgram([...files.keys()], options, host);
}

/** @returns what the compiler says, each with the page and the line that it is about */
export function compile(blocks: readonly Block[]): readonly string[] {
  const places = new Map(blocks.map((block, index) => [join(root, `block-${index}.m${block.language}`), block]));
  const program = programOf(new Map([...places].map(([path, { code }]) => [path, code])));
  return ts
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => file && places.has(file.fileName))
    .map(({ file, start = 0, messageText }) => {
      const block = file && places.get(file.fileName);
      const line = (block?.line ?? 0) + (file?.getLineAndCharacterOfPosition(start).line ?? 0);
      return `${block?.page}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
}

/** The names of the properties of an exported type; `type` may go on as `Events['deployment.log']`. */
export function propertiesOf(entry: string, type: string): readonly string[] {
  const [name = ''] = type.split('[');
  const path = join(root, 'properties.mts');
  const program = programOf(
    new Map([[path, `import type { ${name} } from '${entry}';\nexport type Asked = ${type};\n`]]),
  );
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(path);
  const asked = file?.statements.find(ts.isTypeAliasDeclaration);
  if (!asked) throw new Error(`${entry} has no ${type}.`);
  const names = checker.getPropertiesOfType(checker.getTypeAtLocation(asked)).map((property) => property.getName());
  if (names.length === 0) throw new Error(`${type} of ${entry} has no properties.`);
  return names;
}
