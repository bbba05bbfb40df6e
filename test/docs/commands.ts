/** Lines that a reader types: each has to be one that the program it names understands. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArguments } from '../../packages/cli/src/arguments/parse.js';
import { COMMANDS } from '../../packages/cli/src/commands/index.js';
import { answersOf } from '../../packages/create-quayside-adapter/src/answers.js';
import { filesOf } from '../../packages/create-quayside-adapter/src/files.js';
import { namesOf } from '../../packages/create-quayside-adapter/src/names.js';
import { PORTS } from '../../packages/create-quayside-adapter/src/ports.js';
import { type Block, type Page, root } from './pages.js';

const SPECS = COMMANDS.map(({ spec }) => spec);

export const isShell = ({ language }: Block): boolean => language === 'sh' || language === 'console';

/** @returns what is wrong, each with its page and line */
export async function wrongCommands(block: Block): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const { line, text } of linesOf(block)) {
    const said = await wrongLine(text, block);
    if (said) wrong.push(`${block.page}:${line}: ${text}: ${said}`);
  }
  return wrong;
}

/** Commands amid the text: their flags and names, as they leave out what is of no interest there. */
export function wrongMentions({ path, text }: Page): readonly string[] {
  const prose = text.replace(/^( *)```[\s\S]*?^\1```$/gm, (block) => block.replace(/[^\n]/g, ''));
  return [...prose.matchAll(/`quayside ([^`]+)`/g)].flatMap(({ 1: mention = '', index }) => {
    const words = wordsOf(mention).filter((word) => !/^<.*>$|^…$/.test(word));
    const said = wrongQuayside([...words, '--help']);
    return said ? [`${path}:${prose.slice(0, index).split('\n').length}: \`quayside ${mention}\`: ${said}`] : [];
  });
}

/** One command per line: `\` goes on with it, `#` begins a remark; of a `console` block what stands behind the prompt. */
function linesOf({ code, line, language }: Block) {
  let at = line;
  return code.split(/(?<!\\)\n/).flatMap((each) => {
    const here = at;
    at += each.split('\n').length;
    const whole = each.replaceAll('\\\n', ' ');
    const typed = language === 'console' ? /^\$ (.*)$/.exec(whole)?.[1] : whole;
    const text = (typed ?? '').replace(/(^|\s)#.*$/, '').trim();
    return text === '' ? [] : [{ line: here, text }];
  });
}

async function wrongLine(text: string, { page, code }: Block): Promise<string | undefined> {
  if (/^[A-Z_]+=\S*$/.test(text)) return wrongVariable(text.split('=')[0] ?? '');
  for (const part of text.split(/ (?:&&|\||;) /)) {
    const words = wordsOf(part.replace(/ &$/, '').replace(/ >>? \S+/, ''));
    while (/^[A-Z_]+=/.test(words[0] ?? '')) words.shift();
    const [program = '', ...rest] = words;
    const said = await wrongProgram(program, rest, { page, code });
    if (said) return said;
  }
  return undefined;
}

async function wrongProgram(program: string, rest: readonly string[], at: { page: string; code: string }) {
  switch (program) {
    case 'quayside':
      return wrongQuayside(rest);
    case 'npm':
      return wrongNpm(rest, at);
    case 'curl':
      return rest.some((word) => word.startsWith('http')) ? undefined : 'no address';
    // Named so that a new one is looked at: nobody here knows whether it would be understood.
    case 'cd':
    case 'touch':
    case 'systemctl':
      return undefined;
    default:
      return `nobody checks lines of "${program}"`;
  }
}

export function wrongQuayside(words: readonly string[]): string | undefined {
  const parsed = parseArguments(words, SPECS);
  return parsed.isErr() ? parsed.error.message : undefined;
}

/** Scripts that a package of `npm create quayside-adapter` has; pages about it speak of those. */
function scaffolded(): Record<string, string> {
  const [[port], names] = [PORTS, namesOf('mongo')];
  if (!port || !names) throw new Error('There is no port.');
  const none = { adapter: '', subject: '', notImplemented: '', laws: '', tsupConfig: '', vitestConfig: '' };
  const manifest = filesOf({ port, names, packageName: 'quayside-mongo' }, none).get('package.json') ?? '';
  return (JSON.parse(manifest) as { scripts: Record<string, string> }).scripts;
}

async function wrongNpm(words: readonly string[], { page }: { page: string }): Promise<string | undefined> {
  const [verb = '', ...rest] = words;
  if (verb === 'create')
    return wrongCreate(
      rest.slice(1).filter((word) => word !== '--'),
      rest[0],
    );
  if (verb === 'i' || verb === 'install') {
    const names = rest.filter((word) => !word.startsWith('-'));
    return names.map(wrongPackage).find((said) => said !== undefined);
  }
  const name = verb === 'run' ? rest[0] : verb;
  const scripts = /adapter\.md$|create-/.test(page)
    ? scaffolded()
    : (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }).scripts;
  return name !== undefined && Object.hasOwn(scripts, name) ? undefined : `there is no script ${name}`;
}

async function wrongCreate(words: readonly string[], what: string | undefined): Promise<string | undefined> {
  if (what !== 'quayside-adapter') return `there is no create-${what}`;
  // At a terminal it would ask for what is not given; here only what is given is looked at.
  const given = words.length === 0 ? ['--help'] : words;
  return answersOf(given, undefined).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** Ours are in this repository; of others it is known which are meant. */
const OTHERS = ['@opentelemetry/api'];

function wrongPackage(name: string): string | undefined {
  const ours = readdirSync(join(root, 'packages'))
    .map((folder) => join(root, 'packages', folder, 'package.json'))
    .filter(existsSync)
    .map((path) => (JSON.parse(readFileSync(path, 'utf8')) as { name: string }).name);
  return ours.includes(name) || OTHERS.includes(name) ? undefined : `there is no package ${name}`;
}

/** What a page says to set is what the composition of the example platform reads. */
function wrongVariable(name: string): string | undefined {
  const compose = readFileSync(join(root, 'examples/platform/compose.yaml'), 'utf8');
  return compose.includes(`\${${name}:`) ? undefined : `compose.yaml reads no ${name}`;
}

export function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  );
}
