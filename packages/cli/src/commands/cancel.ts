import type { AnyError, CancelAnswer, Deployment } from '@quayside/core';
import { err, ok, type Result } from 'neverthrow';
import { flagValue, has } from '../arguments/grammar.js';
import { usage } from '../arguments/parse.js';
import type { Command } from '../context.js';
import { everyPage } from '../every-page.js';
import { EXIT } from '../exit-codes.js';
import { isGood, nameOf } from '../render/deployment/presenter.js';
import { type Session, withDeployer } from '../session.js';
import { plain } from '../terminal/width.js';
import { ID } from './find-instance.js';
import { BY, byOf } from './flags.js';
import { checkNames } from './names.js';

export const cancel: Command = {
  spec: {
    name: 'cancel',
    summary: 'Cancel a deployment',
    about: [
      'Whichever process runs it. What waits ends at once, what runs is undone first and is waited for; what is past its',
      'commit stays. With a stage: all that waits or runs on it.',
    ],
    usage: ['quayside cancel <deployment>', 'quayside cancel <project> <stage>'],
    arguments: [
      {
        name: 'deployment',
        expected: "a deployment's id, or a project and a stage",
        completes: ['project', 'deployment'],
      },
      { name: 'stage', expected: 'the name of a stage', isOptional: true, completes: ['stage'] },
    ],
    flags: [
      { name: 'reason', value: 'text', about: 'Why, for its log and the audit trail' },
      { name: 'no-wait', about: 'Do not wait until it is undone' },
      BY,
    ],
    examples: ['quayside cancel 01k6v1c9q0n2f7abcd --reason "wrong tag"', 'quayside cancel shop dev'],
  },
  async run(context) {
    const { given, screen } = context;
    const [first = '', stage] = given.positionals;
    if (stage === undefined && !ID.test(first)) {
      const expected = "a deployment's id of 18 characters, or a project and a stage";
      return err(usage([{ path: 'deployment', expected, received: JSON.stringify(first) }], 'cancel'));
    }
    const reason = flagValue(given, 'reason');
    const said = { ...byOf(context), ...(reason === undefined ? {} : { reason }) };
    return withDeployer(context, 'changes', async (session) => {
      const ids = stage === undefined ? ok([first]) : await openOn(session, first, stage);
      if (ids.isErr()) return err(ids.error);
      if (ids.value.length === 0) {
        if (screen.isJson) screen.object({ type: 'result', exitCode: EXIT.done, deployments: [] });
        else screen.note(`Nothing waits or runs on ${plain(`${first}/${stage}`)}.`);
        return ok(EXIT.done);
      }
      const ended: Deployment[] = [];
      let exitCode: number = EXIT.done;
      // The newest first: what waits does not begin because the one before it has ended.
      for (const id of ids.value) {
        const { signal } = session.interrupts;
        const asked = await session.deployer.cancel(id, { ...said, signal });
        if (asked.isErr()) return err(asked.error);
        const deployment = has(given, 'no-wait') ? ok(asked.value.deployment) : await endOf(session, asked.value);
        if (deployment.isErr()) return err(deployment.error);
        ended.push(deployment.value);
        exitCode = Math.max(exitCode, exitOf(deployment.value));
        if (!screen.isJson) print(session, asked.value, deployment.value);
      }
      if (screen.isJson) screen.object({ type: 'result', exitCode, deployments: ended });
      return ok(exitCode);
    });
  },
};

/** What has not ended on a stage, the newest first. */
async function openOn(session: Session, project: string, stage: string): Promise<Result<string[], AnyError>> {
  const { deployer, reading: signal } = session;
  const known = await checkNames(session, project, stage);
  if (known.isErr()) return err(known.error);
  const ids: string[] = [];
  for (const status of ['queued', 'running', 'rolling-back'] as const) {
    const found = await everyPage((page) => deployer.deployments.list({ project, stage, status, ...page, signal }));
    if (found.isErr()) return err(found.error);
    ids.push(...found.value.map(({ id }) => id));
  }
  return ok(ids);
}

async function endOf({ deployer, interrupts, screen }: Session, { deployment, state }: CancelAnswer) {
  if (state !== 'cancelling') return ok<Deployment, AnyError>(deployment);
  if (!screen.isJson) screen.note(`${nameOf(deployment)} is being undone; Ctrl-C stops waiting for that.`);
  const { signal } = interrupts;
  const result = await deployer.result(deployment.id, { signal });
  // Who stops waiting knows it as it was asked to end.
  if (signal.aborted) return ok<Deployment, AnyError>(deployment);
  return result.orElse((error) => (error.deployment ? ok(error.deployment) : err<Deployment, AnyError>(error)));
}

/** It is not what was asked for where it had succeeded, and not all where something of it is left. */
function exitOf({ status, cleanup }: Deployment): number {
  if (isGood(status)) return EXIT.failed;
  return cleanup === 'pending' ? EXIT.leftovers : EXIT.done;
}

function print({ screen }: Session, { state }: CancelAnswer, deployment: Deployment): void {
  const { style, signs } = screen.look;
  const { id, status, cleanup, left } = deployment;
  const name = `${style.bold(plain(nameOf(deployment)))} (${id})`;
  if (isGood(status)) {
    const why = state === 'ended' ? 'had ended before' : 'was past its commit';
    screen.print(`${style.yellow(signs.note)} ${name} ${why}: it ${status}`);
  } else if (cleanup === 'pending')
    screen.print(`${style.red(signs.failed)} ${name} ${status}, and is not undone whole: ${plain(left.join(', '))}`);
  else if (state === 'ended') screen.print(`${style.green(signs.done)} ${name} had ended before: it ${status}`);
  else
    screen.print(
      `${style.green(signs.done)} ${name} ${status === 'cancelled' ? 'is cancelled' : `is told to end: ${status}`}`,
    );
}
