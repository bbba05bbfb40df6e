/** Brings a database up to a new version before that serves. */
import {
  check,
  definePlugin,
  duration,
  type HookContext,
  type InvalidError,
  invalid,
  type OneOff,
  type Plugin,
  type PluginLog,
  type UndoContext,
} from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import { isAmong, place, pluginName, refusal, stagePatterns } from './options.js';

type Up = (context: HookContext) => unknown;
type Down = (context: UndoContext) => unknown;

const command = () => z.array(z.string()).min(1);
const isFunction = (value: unknown) => typeof value === 'function';

const Options = z.strictObject({
  /** Run in a container of the new image that is made for it, with the stage's environment. Either this or `up`. */
  command: command().optional(),
  /** In place of the image's own entrypoint, for both commands. */
  entrypoint: z.array(z.string()).optional(),
  /** Beside the stage's environment. */
  env: z.record(z.string(), z.string()).optional(),
  /** A function of the host, in place of `command`. */
  up: z.custom<Up>(isFunction, 'expected a function').optional(),
  /**
   * Takes it back where the deployment fails before its commit: a command (with `command`), or a function (with `up`). It may be run more than
   * once, and where `up` did a part of its work or nothing. Default: the database stays as it is.
   */
  down: z.union([command(), z.custom<Down>(isFunction, 'expected a function')]).optional(),
  /** What it comes before; default `create`: the new instance starts on what is migrated. */
  before: place().default('create'),
  /** Which stages have it; default all. */
  stages: stagePatterns(['*']),
  /** Of one run, up or down; default 10 minutes. */
  timeout: duration().pipe(z.int().min(1).max(86_400_000)).default(600_000),
  name: pluginName('migrations'),
});

export type MigrationsOptions = z.input<typeof Options>;

/** So much of what a command said goes into the log and the error. */
const OUTPUT_MAX = 8_192;

/**
 * A step before the cutover that migrates a database, of every deployment that makes a new container: a command in a container of its own, of
 * the new image, or a function. A command that ends with another code than 0 fails the deployment, which is rolled back.
 *
 * What serves meanwhile is the old version on the new schema, so a migration has to suit both.
 */
export function migrations(options: MigrationsOptions): Result<Plugin, InvalidError<'invalid-options'>> {
  return check('invalid-options', Options, options, 'migrations').andThen((settings) => {
    const { up, down } = settings;
    const wrong = (path: string, expected: string, received: string) =>
      err(invalid('invalid-options', [{ path: `migrations.${path}`, expected, received }]));
    if ((settings.command === undefined) === (up === undefined))
      return wrong('command', 'either `command` or `up`', up === undefined ? 'neither' : 'both');
    if (down !== undefined && Array.isArray(down) !== (up === undefined))
      return wrong('down', up ? 'a function, as `up` is one' : 'a command, as `command` is one', typeof down);
    return ok(pluginOf(settings));
  });
}

function pluginOf(settings: z.output<typeof Options>): Plugin {
  const { name, before, timeout, stages, up, down } = settings;
  return definePlugin({
    name,
    version: '1.0.0',
    setup(host) {
      host.step({
        name: 'up',
        before,
        timeout,
        undoTimeout: timeout,
        when: ({ mode, stage }) => mode === 'create' && isAmong(stages, stage),
        async run(context) {
          const startMs = host.now();
          if (up) await obeyed(up(context));
          else await run(context, settings.command ?? [], settings);
          context.log.info(`Migrated in ${((host.now() - startMs) / 1_000).toFixed(1)} s.`);
        },
        async undo(context) {
          if (down === undefined)
            return context.log.warn('The database stays as the migration has left it: there is no `down`.');
          if (typeof down === 'function') await obeyed(down(context));
          else await run(context, down, settings);
          context.log.info('Took the migration back.');
        },
      });
    },
  });
}

/** A function may answer a `Result`, too. */
async function obeyed(answer: unknown): Promise<void> {
  const settled = (await answer) as { isErr?: () => boolean; error?: unknown } | undefined;
  if (typeof settled?.isErr === 'function' && settled.isErr()) throw settled.error;
}

async function run(
  { runToEnd, log }: OneOff & { readonly log: PluginLog },
  words: readonly string[],
  { entrypoint, env }: Pick<z.output<typeof Options>, 'entrypoint' | 'env'>,
): Promise<void> {
  const { exitCode, output } = await runToEnd(words, {
    ...(entrypoint ? { entrypoint } : {}),
    ...(env ? { env } : {}),
  });
  const shown = output.slice(-OUTPUT_MAX).trim();
  if (shown !== '') log[exitCode === 0 ? 'info' : 'error'](shown);
  if (exitCode === 0) return;
  const last = shown.split('\n').at(-1)?.trim() ?? '';
  throw refusal(
    `${words.join(' ')} ended with exit code ${exitCode}${last === '' ? '.' : `: ${last}`}`,
    'See its output in the log, correct the migration, and deploy again.',
    { code: `exit-${exitCode}`, details: { exitCode, output: shown } },
  );
}
