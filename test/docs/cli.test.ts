/** docs/cli.md has every command as its own help tells it. `UPDATE=1` writes the page anew from what the commands say. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { commandHelp, helpOf } from '../../packages/cli/src/arguments/help.js';
import { parseArguments } from '../../packages/cli/src/arguments/parse.js';
import { COMMANDS } from '../../packages/cli/src/commands/index.js';
import { EXIT } from '../../packages/cli/src/exit-codes.js';
import { pageOf, root, rowsOf, section } from './pages.js';

const SPECS = COMMANDS.map(({ spec }) => spec);
const plain = pc.createColors(false);
const HEADING = '## Commands\n\nEach as its own `--help` has it.\n';
const fenced = (lines: readonly string[]) => `\`\`\`text\n${lines.map((line) => line.trimEnd()).join('\n')}\n\`\`\`\n`;
const told = [
  `\n${fenced(helpOf(SPECS, plain))}`,
  ...SPECS.map((spec) => `\n### \`quayside ${spec.name}\`\n\n${fenced(commandHelp(spec, plain))}`),
].join('');

describe('docs/cli.md', () => {
  it('has every command as its own help tells it', () => {
    const page = pageOf('docs/cli.md');
    const [before = ''] = page.split(HEADING);
    if (process.env['UPDATE']) writeFileSync(join(root, 'docs/cli.md'), before + HEADING + told);
    expect(readFileSync(join(root, 'docs/cli.md'), 'utf8')).toBe(before + HEADING + told);
  });

  it('explains every exit code, and no other', () => {
    const rows = rowsOf(section(pageOf('docs/cli.md'), '## Exit codes'));
    expect([...rows.keys()].map(Number).sort()).toEqual(Object.values(EXIT).sort());
  });

  it.each(SPECS)('has examples of $name that can be typed', ({ examples }) => {
    for (const example of examples) {
      const [line = ''] = example.split(/ (?:\||>>?) /);
      const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
      const parsed = parseArguments(words.slice(1), SPECS);
      expect(parsed.isOk(), `${example}: ${parsed.isErr() ? parsed.error.message : ''}`).toBe(true);
    }
  });
});
