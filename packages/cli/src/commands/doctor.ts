import { basename, dirname } from 'node:path';
import { type AnyError, createDeployer } from '@quayside/core';
import { err, ok, type Result } from 'neverthrow';
import type { Command, Context } from '../context.js';
import { CHECKS, run } from '../doctor/checks.js';
import { type Finding, failure, good } from '../doctor/finding.js';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import { openConfig, unusable } from '../session.js';
import { plain, wrap } from '../terminal/width.js';

const NAME_WIDTH = 10;
const INDENT = ' '.repeat(NAME_WIDTH + 3);
const CLOSE_MS = 2_000;

export const doctor: Command = {
  spec: {
    name: 'doctor',
    summary: 'Find what is wrong',
    about: [
      'Looks at the configuration, store, engine, network, proxy, registry login, DNS, clock, disk, at what runs and at leftovers,',
      'and says of each what is wrong and what to do. It changes nothing. Exit code 1: something failed.',
    ],
    arguments: [],
    flags: [],
    examples: ['quayside doctor', 'quayside doctor --json | jq -r \'select(.status == "failed") | .hint\''],
  },
  async run(context) {
    const { interrupts } = context;
    const findings: Finding[] = [];
    const tell = (all: readonly Finding[]) => {
      findings.push(...all);
      for (const finding of all) print(finding, context);
    };
    const opened = await openConfig(context);
    if (opened.isErr()) return wrongConfig(opened.error, context);
    const { file, options } = opened.value;
    const made = await createDeployer({ ...options, recover: 'manual' });
    if (made.isErr()) {
      if (made.error.kind === 'invalid-config') return wrongConfig(unusable(made.error, file), context);
      tell([good('config', `${basename(file)} is good`), failure('store', made.error)]);
      return ok(end(findings, context));
    }
    const deployer = made.value;
    // Most timers of the ports keep no process alive.
    const awake = setInterval(() => {}, 60_000);
    try {
      tell([good('config', `${basename(file)} is good`)]);
      const patient = { deployer, options, folder: dirname(file) };
      for (const [name, check] of CHECKS) {
        if (interrupts.signal.aborted) return ok(EXIT.cancelled);
        tell(await run(name, check, patient, interrupts.signal));
      }
      return ok(end(findings, context));
    } finally {
      await deployer.close({ timeoutMs: CLOSE_MS });
      clearInterval(awake);
    }
  },
};

/** Nothing else can be looked at: it says where anything is. */
function wrongConfig(error: AnyError, context: Context): Result<number, AnyError> {
  if (!context.screen.isJson) return err(error);
  print(failure('config', error), context);
  const exitCode = exitCodeOf(error);
  context.screen.object({ type: 'result', exitCode, ok: 0, warnings: 0, failed: 1, skipped: 0 });
  return ok(exitCode);
}

function print({ check, status, message, hint }: Finding, { screen }: Context): void {
  if (screen.isJson) return void screen.object({ type: 'check', check, status, message, hint });
  const { style, signs } = screen.look;
  const sign = {
    ok: style.green(signs.done),
    warning: style.yellow(signs.note),
    failed: style.red(signs.failed),
    skipped: style.dim(signs.dot),
  }[status];
  const [first = '', ...more] = lines(message, screen);
  screen.print(`${sign} ${check.padEnd(NAME_WIDTH)} ${first}`);
  for (const line of more) screen.print(`${INDENT}${line}`);
  for (const line of hint === null ? [] : lines(hint, screen)) screen.print(style.yellow(`${INDENT}${line}`));
}

/** Beside the name of the check, however narrow the terminal is; in a pipe nothing is broken. */
const lines = (text: string, { columns }: Context['screen']): string[] =>
  columns === undefined ? [plain(text)] : wrap(plain(text), Math.max(20, columns - INDENT.length));

function end(findings: readonly Finding[], { screen }: Context): number {
  const count = (status: Finding['status']) => findings.filter((each) => each.status === status).length;
  const [good, warnings, failed, skipped] = [count('ok'), count('warning'), count('failed'), count('skipped')];
  const exitCode = failed > 0 ? EXIT.failed : EXIT.done;
  if (screen.isJson) screen.object({ type: 'result', exitCode, ok: good, warnings, failed, skipped });
  else screen.print(`${good} well, ${warnings} to look at, ${failed} wrong, ${skipped} not looked at`);
  return exitCode;
}
