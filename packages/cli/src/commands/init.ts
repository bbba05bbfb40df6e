import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from 'neverthrow';
import { has } from '../arguments/grammar.js';
import { type UsageError, usage } from '../arguments/parse.js';
import { choiceFlag } from '../arguments/values.js';
import { CONFIG_NAMES } from '../config/find.js';
import type { Command, Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { type Answers, answersOf, FORMATS, PROXIES, STORES } from '../init/answers.js';
import { jsonConfig } from '../init/json.js';
import { typescriptConfig } from '../init/typescript.js';
import { plain } from '../terminal/width.js';

export const init: Command = {
  spec: {
    name: 'init',
    summary: 'Write a configuration',
    about: ['A commented quayside.config.ts, after a few questions or from flags.'],
    arguments: [],
    flags: [
      { name: 'image', value: 'repository', about: 'Without a tag; the one thing that has no default' },
      { name: 'project', value: 'name', about: "Default: the image's last word" },
      { name: 'stage', value: 'name', about: 'Default dev' },
      { name: 'port', short: 'p', value: 'n', about: 'What the app listens on; default 3000' },
      { name: 'health', value: 'path', about: 'What answers when it is well; default /' },
      { name: 'domain', value: 'domain', about: 'Below which instances appear; default apps.localhost' },
      { name: 'proxy', value: 'name', about: 'embedded (default), npm or haproxy', completes: PROXIES },
      { name: 'store', value: 'name', about: 'sqlite (default) or postgres', completes: STORES },
      { name: 'format', value: 'format', about: 'ts (default) or json', completes: FORMATS },
      { name: 'yes', short: 'y', about: 'Do not ask: flags, and what is usual' },
      { name: 'force', about: 'Write over a configuration that is there' },
    ],
    examples: ['quayside init --image registry.example.com/shop --domain apps.example.com'],
  },
  async run(context) {
    const { given, io, screen } = context;
    const format = choiceFlag(given, 'format', FORMATS);
    if (format.isErr()) return err(format.error);
    const name = `quayside.config.${format.value ?? 'ts'}`;
    const there = await present(context, name);
    if (there.isErr()) return err(there.error);
    const answers = await answersOf(context).catch(() => undefined);
    // Ctrl-C, or the end of the input, amid the questions.
    if (answers === undefined) {
      screen.note('Nothing was written.');
      return ok(EXIT.cancelled);
    }
    if (answers.isErr()) return err(answers.error);
    const text = name.endsWith('.json') ? jsonConfig(answers.value) : typescriptConfig(answers.value);
    const path = join(io.cwd(), name);
    for (const each of there.value) await rm(join(io.cwd(), each), { force: true });
    await writeFile(path, text, { flag: has(given, 'force') ? 'w' : 'wx' });
    if (screen.isJson) screen.object({ type: 'result', exitCode: EXIT.done, file: path });
    else for (const line of nextSteps(context, name, answers.value)) screen.print(line);
    return ok(EXIT.done);
  },
};

/** Configurations that are there and would be in the way: two of them, and nobody knows which one is meant. */
async function present({ given, io }: Context, name: string): Promise<Result<readonly string[], UsageError>> {
  const entries = await readdir(io.cwd()).catch((): string[] => []);
  const there = CONFIG_NAMES.filter((each) => entries.includes(each));
  if (there.length === 0 || has(given, 'force')) return ok(there);
  const expected = `a folder without a configuration, or --force to write ${name} over it`;
  return err(usage([{ path: 'init', expected, received: there.join(', ') }], 'init'));
}

function nextSteps({ screen }: Context, name: string, { project, stage, proxy }: Answers): string[] {
  const { style, signs } = screen.look;
  const steps = [
    ['quayside doctor', 'whether all that it leads to works'],
    ...(proxy === 'embedded' ? [['quayside serve', 'runs the proxy']] : []),
    ...(proxy === 'haproxy' ? [['quayside proxy-config', "prints HAProxy's configuration"]] : []),
    [`quayside deploy ${project} ${stage.replaceAll('*', '1')} <tag>`, 'puts a tag there'],
  ];
  const width = Math.max(...steps.map(([step = '']) => step.length));
  return [
    `${style.green(signs.done)} ${style.bold(name)} is written. Next:`,
    ...steps.map(([step = '', what = '']) => `  ${style.cyan(plain(step).padEnd(width))}  ${style.dim(what)}`),
  ];
}
