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
  const [name = '', ...keys] = type.split(/\['|'\]/).filter((part) => part !== '');
  const { checker, exported } = typeOf(entry, name);
  let asked = exported;
  for (const key of keys) {
    const property = checker.getPropertyOfType(asked, key);
    if (!property) throw new Error(`${entry} has no ${type}.`);
    asked = checker.getTypeOfSymbol(property);
  }
  const names = checker.getPropertiesOfType(asked).map((property) => property.getName());
  if (names.length === 0) throw new Error(`${type} of ${entry} has no properties.`);
  return names;
}

interface Known {
  readonly checker: ts.TypeChecker;
  readonly exported: ts.Type;
}

/** What was asked last, and no more, since a checker is large: a program takes its time, and one type may have fifty properties to ask about. */
const types = new Map<string, Known>();

function typeOf(entry: string, name: string): Known {
  const key = `${entry} ${name}`;
  const found = types.get(key);
  if (found) return found;
  const path = join(root, 'properties.mts');
  const text = `import type { ${name} } from '${entry}';\nexport type Asked = ${name};\n`;
  const program = programOf(new Map([[path, text]]));
  const asked = program.getSourceFile(path)?.statements.find(ts.isTypeAliasDeclaration);
  if (!asked) throw new Error(`${entry} has no ${name}.`);
  const checker = program.getTypeChecker();
  const known = { checker, exported: checker.getTypeAtLocation(asked) };
  types.clear();
  types.set(key, known);
  return known;
}
