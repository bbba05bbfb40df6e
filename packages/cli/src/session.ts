/** A command's Deployer: made from the configuration, closed when the command is done, and what is waited for meanwhile is said. */
import { dirname } from 'node:path';
import type { AnyError, Deployer, DeployerOptions, StageDefaults } from '@quayside/core';
import { createDeployer } from '@quayside/core';
import { durationMs } from '@quayside/core/ports';
import { err, type Result } from 'neverthrow';
import { flagValue } from './arguments/grammar.js';
import { findConfig } from './config/find.js';
import { loadConfig } from './config/load.js';
import type { Context } from './context.js';
import { EXIT, type WithExitCode } from './exit-codes.js';

export interface Session extends Context {
  readonly deployer: Deployer;
  /** The configuration's. */
  readonly file: string;
  readonly options: DeployerOptions;
  /** Aborted by Ctrl-C, and when nobody reads any more. */
  readonly reading: AbortSignal;
  /** How the closing tells what it waits for, and its end; default: a note on stderr. */
  closing: { tell(what: string): void; end(): void };
  /** Instances that retire: the closing waits for them. */
  readonly retiring: Set<string>;
}

/** Commands that only read leave what they happened to take up to the next one that has the time. */
const READ_CLOSE_MS = 1_000;
const DRAIN_TIMEOUT_MS = 30_000;
/** When a closing is worth a word. */
const WORD_MS = 2_000;

export interface Opened {
  readonly file: string;
  readonly options: DeployerOptions;
}

/** Finds the configuration and loads it; from then on relative paths count from its folder. */
export async function openConfig({ io, given }: Context): Promise<Result<Opened, AnyError>> {
  const found = await findConfig(flagValue(given, 'config'), io.cwd());
  if (found.isErr()) return err(found.error);
  io.chdir(dirname(found.value));
  return loadConfig(found.value, io.env);
}

/**
 * @param kind `changes`: its own retire tasks are waited for, and what others have left is taken up beside it; `recovers`: the former alone,
 *   as it takes that up itself; `reads`: neither, as it would be left in the midst of it when the reading is done
 */
export async function withDeployer(
  context: Context,
  kind: 'reads' | 'changes' | 'recovers',
  work: (session: Session) => Promise<Result<number, AnyError>>,
): Promise<Result<number, AnyError>> {
  const { io, interrupts, screen } = context;
  const opened = await openConfig(context);
  if (opened.isErr()) return err(opened.error);
  const { file, options } = opened.value;
  const made = await createDeployer(kind === 'changes' ? options : { ...options, recover: 'manual' });
  if (made.isErr()) return err(unusable(made.error, file));
  const deployer = made.value;
  const retiring = new Set<string>();
  deployer.on('instance.retiring', ({ instance }) => retiring.add(instance.tag));
  deployer.on('instance.retired', ({ instance }) => retiring.delete(instance.tag));
  const hungUp = new AbortController();
  const offHangUp = io.onHangUp(() => hungUp.abort());
  const session: Session = {
    ...context,
    deployer,
    file,
    options,
    retiring,
    reading: AbortSignal.any([interrupts.signal, hungUp.signal]),
    closing: { tell: screen.isJson ? () => {} : screen.note, end: () => {} },
  };
  let exitCode = 0;
  // A command is awake until it is done, whatever it waits for: most timers of the ports keep no process alive.
  const awake = setInterval(() => {}, 60_000);
  try {
    const answer = await work(session);
    exitCode = answer.unwrapOr(1);
    return answer;
  } finally {
    const hurry = new AbortController();
    interrupts.onLeave = () => exitCode;
    interrupts.onOver = () => {
      sayLeft(session);
      hurry.abort(new Error('Ctrl-C was pressed'));
    };
    await close(session, kind === 'reads' ? READ_CLOSE_MS : drainTimeoutOf(options), hurry.signal);
    offHangUp();
    clearInterval(awake);
  }
}

/** What the configuration leads to cannot be used: a wrong field, or a store of a newer version or in a folder that is not there. */
export function unusable(error: AnyError, file: string): AnyError & WithExitCode {
  if (error.kind === 'invalid-config') return { ...error, ...{ file } };
  return error.kind === 'store-refused' ? { ...error, exitCode: EXIT.badInput } : error;
}

async function close(session: Session, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { deployer, retiring } = session;
  const word = setTimeout(() => {
    const seconds = Math.ceil(timeoutMs / 1_000);
    session.closing.tell(
      retiring.size > 0
        ? `Waiting for ${list(retiring)} to finish and go, at most ${seconds} s; Ctrl-C leaves it to the next start.`
        : 'Closing: notifiers are told, and what was left is finished; Ctrl-C leaves it to the next start.',
    );
  }, WORD_MS);
  try {
    await deployer.close({ timeoutMs, running: 'cancel', signal });
  } finally {
    clearTimeout(word);
    session.closing.end();
  }
}

/** Ctrl-C while it closes: the verdict stands. */
function sayLeft({ closing, retiring, screen }: Session): void {
  closing.end();
  if (retiring.size > 0 && !screen.isJson) screen.note(`Left to the next start of quayside: ${list(retiring)}.`);
}

const list = (tags: Iterable<string>): string => [...tags].join(', ');

/** The longest of all stages: the closing does not know whose instances it waits for. */
export function drainTimeoutOf({ settings, projects }: DeployerOptions): number {
  const all: (StageDefaults | undefined)[] = [settings];
  if (typeof projects === 'object')
    for (const project of Object.values(projects)) all.push(project, ...Object.values(project.stages));
  const given = all.flatMap((each) => (each?.drainTimeout === undefined ? [] : [durationMs(each.drainTimeout) ?? 0]));
  return Math.max(settings?.drainTimeout === undefined ? DRAIN_TIMEOUT_MS : 0, ...given);
}
