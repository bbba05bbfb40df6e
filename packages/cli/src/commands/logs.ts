import { type AnyError, type LogEntry, QuaysideError } from '@quayside/core';
import { err, ok, type Result } from 'neverthrow';
import { has } from '../arguments/grammar.js';
import { integerFlag } from '../arguments/values.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { type Session, withDeployer } from '../session.js';
import { timeText } from '../terminal/quantities.js';
import type { Screen } from '../terminal/screen.js';
import { plain, plainWithColors } from '../terminal/width.js';
import { findInstance, ID } from './find-instance.js';

export const logs: Command = {
  spec: {
    name: 'logs',
    summary: 'What was done, and said',
    about: [
      "With a deployment's id: what was done, step by step. With a stage, a container's name, or --container: what the",
      "container itself writes; of a stage, the one that serves or the one of the tag. An instance has its deployment's id.",
    ],
    usage: [
      'quayside logs <deployment>',
      'quayside logs <instance> --container',
      'quayside logs <project> <stage> [tag]',
    ],
    arguments: [
      {
        name: 'deployment',
        expected: "a deployment's id, a container's name, or a project and a stage",
        completes: ['project', 'deployment'],
      },
      { name: 'stage', expected: 'the name of a stage', isOptional: true, completes: ['stage'] },
      { name: 'tag', expected: 'a tag', isOptional: true, completes: ['tag'] },
    ],
    flags: [
      { name: 'follow', short: 'f', about: 'Go on until it ends, or Ctrl-C' },
      { name: 'tail', short: 'n', value: 'n', about: 'Only the last so many lines' },
      { name: 'container', about: "The container's output, where an id could mean both" },
    ],
    examples: ['quayside logs 01k6v1c9q0n2f7abcd', 'quayside logs shop dev -f --tail 100'],
  },
  async run(context) {
    const { given } = context;
    const tail = integerFlag(given, 'tail', { from: 0, to: 1_000_000 });
    if (tail.isErr()) return err(tail.error);
    const [first = '', stage] = given.positionals;
    const options = { follow: has(given, 'follow'), tail: tail.value };
    return withDeployer(context, 'reads', async (session) => {
      const isDeployment = stage === undefined && ID.test(first) && !has(given, 'container');
      if (isDeployment) return ended(session, () => deploymentLog(session, first, options));
      const instance = await findInstance(session);
      if (instance.isErr()) return err(instance.error);
      return ended(session, () => containerLog(session, instance.value.id, options));
    });
  },
};

interface Options {
  readonly follow: boolean;
  readonly tail: number | undefined;
}

/** Ctrl-C ends what is followed, as it was asked to. */
async function ended(session: Session, work: () => Promise<void>): Promise<Result<number, AnyError>> {
  try {
    await work();
    return ok(EXIT.done);
  } catch (thrown) {
    if (!(thrown instanceof QuaysideError)) throw thrown;
    return session.reading.aborted ? ok(EXIT.done) : err(thrown.error);
  }
}

async function deploymentLog({ deployer, screen, reading }: Session, id: string, { follow, tail }: Options) {
  const show = (entry: LogEntry) => {
    if (screen.isJson) screen.object(entry);
    else screen.print(entryLine(entry, screen));
  };
  let after = 0;
  if (tail !== undefined) {
    const entries: LogEntry[] = [];
    for await (const entry of deployer.logs(id, { signal: reading })) entries.push(entry);
    for (const entry of tail === 0 ? [] : entries.slice(-tail)) show(entry);
    after = entries.at(-1)?.seq ?? 0;
    if (!follow) return;
  }
  for await (const entry of deployer.logs(id, { follow, after, signal: reading })) show(entry);
}

function entryLine({ time, level, step, message }: LogEntry, { look: { style } }: Screen): string {
  const paint = { debug: style.dim, info: (text: string) => text, warn: style.yellow, error: style.red }[level];
  return `${style.dim(timeText(time))} ${paint(level.padEnd(5))} ${(step ?? '').padEnd(8)} ${paint(plain(message))}`;
}

async function containerLog({ deployer, screen, reading }: Session, id: string, { follow, tail }: Options) {
  const isTerminal = screen.columns !== undefined;
  const hasColors = screen.look.style.isColorSupported;
  const lines = deployer.instanceLogs(id, { follow, signal: reading, ...(tail === undefined ? {} : { tail }) });
  for await (const line of lines) {
    if (screen.isJson) screen.object(line);
    // A pipe gets what the container wrote; a terminal is not the container's to command.
    else if (!isTerminal) screen.print(line.text);
    else screen.print(hasColors ? plainWithColors(line.text) : plain(line.text));
  }
}
