/** What `--help` prints: for each command a screen of 24 lines at most, and 80 columns. */
import type { Style } from '../terminal/style.js';
import { padEnd, widthOf, wrap } from '../terminal/width.js';
import { type CommandSpec, type Flag, GLOBAL_FLAGS, usageOf } from './grammar.js';

const COLUMNS = 80;
const NAME_WIDTH = 12;
const EXIT_CODES = [
  'Exit codes: 0 done, 1 failed (a deployment was rolled back), 2 bad input or',
  'configuration, 3 not rolled back whole, 130 cancelled (rolled back first)',
];

export function helpOf(commands: readonly CommandSpec[], style: Style): string[] {
  const cells = commands.map(({ name, summary }) => `${style.cyan(padEnd(name, NAME_WIDTH))}  ${summary}`);
  const half = Math.ceil(cells.length / 2);
  const left = cells.slice(0, half);
  return [
    'Puts tags of container images on stages, without a gap or a trace.',
    `${style.bold('Usage')}  quayside <command> [options]; ${style.cyan('quayside <command> --help')} has examples.`,
    style.bold('Commands'),
    ...left.map((cell, index) => `  ${padEnd(cell, COLUMNS / 2)}${cells[half + index] ?? ''}`.trimEnd()),
    style.bold('Options'),
    ...rows(GLOBAL_FLAGS.map((flag) => [style.cyan(flagText(flag)), flag.about])),
    ...EXIT_CODES,
  ];
}

export function commandHelp(spec: CommandSpec, style: Style): string[] {
  const [first = '', ...more] = usageOf(spec);
  return [
    ...wrap(spec.about.join(' '), COLUMNS),
    '',
    `${style.bold('Usage')}  ${first}`,
    ...more.map((line) => `       ${line}`),
    '',
    style.bold('Options'),
    ...rows(spec.flags.map((flag) => [style.cyan(flagText(flag)), flag.about])),
    style.dim(`  and ${GLOBAL_FLAGS.slice(0, 4).map(flagText).join(', ')}: quayside --help`),
    '',
    style.bold('Examples'),
    ...spec.examples.map((line) => `  ${line}`),
    '',
    ...EXIT_CODES,
  ];
}

function flagText({ name, short, value }: Flag): string {
  return `${short ? `-${short}, ` : ''}--${name}${value ? ` <${value}>` : ''}`;
}

function rows(all: readonly (readonly string[])[]): string[] {
  const width = Math.max(...all.map(([left = '']) => widthOf(left)));
  return all.map(([left = '', right = '']) => `  ${padEnd(left, width)}  ${right}`);
}
