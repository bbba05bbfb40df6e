/** Blocks that show what the command says of itself. */
import pc from 'picocolors';
import { commandHelp, helpOf } from '../../packages/cli/src/arguments/help.js';
import { COMMANDS } from '../../packages/cli/src/commands/index.js';
import type { Block } from './pages.js';

const SPECS = COMMANDS.map(({ spec }) => spec);
const plain = pc.createColors(false);

export const isHelp = ({ page, language }: Block): boolean => page === 'docs/cli.md' && language === 'text';

/** @returns what is wrong, with its page and line */
export function wrongHelp({ page, line, code, id }: Block): readonly string[] {
  const [, name] = /#quayside-([a-z-]+)$/.exec(id) ?? [];
  const spec = SPECS.find((each) => each.name === name);
  const said = spec ? commandHelp(spec, plain) : helpOf(SPECS, plain);
  return code === `${said.map((each) => each.trimEnd()).join('\n')}\n` ? [] : [`${page}:${line}: is not what it says`];
}
