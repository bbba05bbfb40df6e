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
  return [...text.matchAll(/^```([a-z]+)( run)?\n([\s\S]*?)^```$(?:\n+```text\n([\s\S]*?)^```$)?/gm)].map((match) => ({
    page: path,
    line: text.slice(0, match.index).split('\n').length + 1,
    language: match[1] ?? '',
    code: match[3] ?? '',
    runs: match[2] !== undefined,
    prints: match[4],
  }));
}

export const isCode = ({ language }: Block): boolean => language === 'ts' || language === 'js';

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
export function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)];
  return new Set(
    headings.map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
