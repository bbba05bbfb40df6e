import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../commands/index.js';
import { widthOf } from '../terminal/width.js';
import { commandHelp, helpOf } from './help.js';

const SPECS = COMMANDS.map(({ spec }) => spec);
const plain = pc.createColors(false);

describe('help', () => {
  it('lists every command', () => {
    const text = helpOf(SPECS, plain).join('\n');
    for (const { name, summary } of SPECS) expect(text).toMatch(new RegExp(`  ${name} +${summary}(  |$)`, 'm'));
  });

  it.each<readonly [string, readonly string[]]>([
    ['quayside', helpOf(SPECS, plain)],
    ...SPECS.map((spec) => [spec.name, commandHelp(spec, plain)] as const),
  ])('of %s fits a screen of 24 lines and 80 columns', (_name, lines) => {
    // The prompt wants a line of its own.
    expect(lines.length).toBeLessThanOrEqual(23);
    for (const line of lines) expect(widthOf(line), line).toBeLessThanOrEqual(80);
  });

  it.each(SPECS)('of $name has its flags, examples that can be typed, and the exit codes', (spec) => {
    const text = commandHelp(spec, plain).join('\n');
    for (const { name } of spec.flags) expect(text).toContain(`--${name}`);
    expect(spec.examples.length).toBeGreaterThan(0);
    for (const example of spec.examples) expect(example).toMatch(new RegExp(`^quayside ${spec.name}\\b`));
    expect(text).toContain('130 cancelled');
  });
});
