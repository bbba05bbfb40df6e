import { basename, relative } from 'node:path';
import { checkOptions, type DeployerOptions } from '@quayside/core';
import { didYouMean } from '@quayside/core/ports';
import { err, ok } from 'neverthrow';
import { usage } from '../arguments/parse.js';
import type { Command, Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { openConfig } from '../session.js';
import { plain } from '../terminal/width.js';

const ACTIONS = ['check'] as const;

export const config: Command = {
  spec: {
    name: 'config',
    summary: 'Check the configuration',
    about: [
      'Loads it as every command does, and names every wrong field of it and of all adapters at once. Nothing is opened,',
      'contacted or written: `quayside doctor` looks at whether what it leads to works.',
    ],
    usage: ['quayside config check'],
    arguments: [{ name: 'action', expected: 'check', completes: [ACTIONS] }],
    flags: [],
    examples: ['quayside config check', 'quayside config check --config staging.config.ts --json'],
  },
  async run(context) {
    const [action = ''] = context.given.positionals;
    if (!ACTIONS.some((known) => known === action)) {
      const expected = `check${didYouMean(action, ACTIONS)}`;
      return err(usage([{ path: 'action', expected, received: JSON.stringify(action) }], 'config'));
    }
    const cwd = context.io.cwd();
    const opened = await openConfig(context);
    if (opened.isErr()) return err(opened.error);
    const { file, options } = opened.value;
    const checked = checkOptions(options);
    if (checked.isErr()) return err({ ...checked.error, ...{ file } });
    print(context, relative(cwd, file) || basename(file), options);
    return ok(EXIT.done);
  },
};

function print({ screen }: Context, file: string, options: DeployerOptions): void {
  const projects = projectsOf(options);
  if (screen.isJson) return void screen.object({ type: 'result', exitCode: EXIT.done, file, projects });
  const { style, signs } = screen.look;
  screen.print(`${style.green(signs.done)} ${style.bold(plain(file))} is good`);
  if (projects === null)
    return void screen.print(style.dim('  projects come from a function: each is checked when it is asked for'));
  for (const { name, image, stages } of projects)
    screen.print(`  ${plain(name)}  ${style.dim(plain(image))}  ${plain(stages.join(', '))}`);
}

/** Null: a function of the host's knows them. */
const projectsOf = ({ projects }: DeployerOptions) =>
  typeof projects === 'function'
    ? null
    : Object.entries(projects).map(([name, { image, stages }]) => ({ name, image, stages: Object.keys(stages) }));
