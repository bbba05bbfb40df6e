/** Blocks of data: read as what they are, and what they name has to be there. */
import { parse } from 'yaml';
import { wordsOf, wrongQuayside } from './commands.js';
import { type Block, pageOf, rowsOf } from './pages.js';

const READERS: { readonly [language: string]: (block: Block) => string | undefined } = {
  json: ({ code }) => void JSON.parse(code),
  yaml({ code, page }) {
    const rules = parse(code) as { groups: { rules: { expr: string }[] }[] };
    // Alerts over metrics: the page's tables name them all, and its own test holds those to what is exported.
    const known = rowsOf(pageOf(page));
    const named = rules.groups.flatMap(({ rules }) =>
      rules.flatMap(({ expr }) => expr.match(/quayside_[a-z_]+/g) ?? []),
    );
    const unknown = named.filter((name) => !known.has(name));
    return named.length > 0 && unknown.length === 0 ? undefined : `no metric of the page: ${unknown.join(', ')}`;
  },
  ini({ code }) {
    const wrong = code.split('\n').find((line) => !/^(#.*|\[\w+\]|[A-Za-z]+=.+|)$/.test(line));
    if (wrong !== undefined) return `no line of a unit: ${wrong}`;
    const started = [...code.matchAll(/^ExecStart=\S*\/quayside (.*)$/gm)].map(([, line = '']) => line);
    return started.map((line) => wrongQuayside(wordsOf(line))).find((said) => said !== undefined);
  },
};

export const isData = ({ language }: Block): boolean => Object.hasOwn(READERS, language);

/** @returns what is wrong, each with its page and line */
export function wrongData(block: Block): readonly string[] {
  const said = attempt(() => READERS[block.language]?.(block));
  return said === undefined ? [] : [`${block.page}:${block.line}: ${said}`];
}

function attempt(read: () => string | undefined): string | undefined {
  try {
    return read();
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
