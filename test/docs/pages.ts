/** The pages that people read, cut into what a machine can check. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Page {
  /** From the top of the repository. */
  readonly path: string;
  readonly text: string;
}

export interface Block {
  readonly page: string;
  /** By its page and place: `docs/api.md#mounting` is the first block of its kind below that heading, `docs/api.md#mounting-2` the second. */
  readonly id: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** Its fence says `run`: it is run as it stands. */
  readonly runs: boolean;
  /** What it has to print: the block of `text` right behind it. Undefined where there is none. */
  readonly prints: string | undefined;
}

export function readPages(): readonly Page[] {
  const below = (folder: string) =>
    existsSync(join(root, folder)) ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`) : [];
  const packages = below('packages').map((folder) => `${folder}/README.md`);
  return [
    'README.md',
    'CONTRIBUTING.md',
    ...below('docs'),
    ...below('docs/benchmarks'),
    ...below('docs/guides'),
    ...packages,
  ]
    .filter((path) => path.endsWith('.md') && existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

export const pageOf = (path: string): string => readFileSync(join(root, path), 'utf8');

export function blocksOf({ path, text }: Page): readonly Block[] {
  const counts = new Map<string, number>();
  // A block that belongs to an item of a list stands as far to the right as its text.
  const blocks = /^( *)```([a-z]+)( run)?\n([\s\S]*?)^\1```$(?:\n+```text\n([\s\S]*?)^```$)?/gm;
  return [...text.matchAll(blocks)].map((match) => {
    const [, indent = '', language = '', runs, indented = '', prints] = match;
    const code = indented.replace(new RegExp(`^${indent}`, 'gm'), '');
    const before = text.slice(0, match.index);
    const kind = isCode({ language }) ? '' : `${language}:`;
    const place = `${kind}${path}#${anchors(before).at(-1) ?? ''}`;
    const count = (counts.get(place) ?? 0) + 1;
    counts.set(place, count);
    const id = count === 1 ? place : `${place}-${count}`;
    return { page: path, id, line: before.split('\n').length + 1, language, code, runs: runs !== undefined, prints };
  });
}

export const isCode = ({ language }: Pick<Block, 'language'>): boolean => language === 'ts' || language === 'js';

/** The part of a page below a heading, up to the next heading of any level. */
export function section(text: string, heading: string): string {
  const start = text.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`There is no heading "${heading}".`);
  const rest = text.slice(start + heading.length + 2);
  const end = rest.search(/^#+ /m);
  return end < 0 ? rest : rest.slice(0, end);
}

/** What stands in code in the first cells of a text's tables, and the second cell beside it. */
export function rowsOf(text: string): ReadonlyMap<string, string> {
  const rows = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, first = '', second = ''] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    if (line.startsWith('|')) for (const [, name = ''] of first.matchAll(/`([^`]+)`/g)) rows.set(name, second);
  }
  return rows;
}

/** As GitHub makes them: `## What it promises` is `#what-it-promises`. */
export const anchorsOf = (text: string): ReadonlySet<string> => new Set(anchors(text));

function anchors(text: string): readonly string[] {
  const headings = [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)];
  return headings.map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
