import type { AnyError } from '@quayside/core';
import { invalid } from '@quayside/core/ports';
import type { ApprovalGate, PendingApproval } from '@quayside/plugins';
import { err, ok, type Result } from 'neverthrow';
import { type Argument, flagValue } from '../arguments/grammar.js';
import { usage } from '../arguments/parse.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { nameOf } from '../render/deployment/presenter.js';
import { type Session, withDeployer } from '../session.js';
import { ageText, timeText } from '../terminal/quantities.js';
import { type Column, table } from '../terminal/table.js';
import { plain } from '../terminal/width.js';
import { ID } from './find-instance.js';
import { BY, byOf } from './flags.js';
import { gatesOf } from './gates-of.js';
import { checkNames } from './names.js';

type Act = 'approve' | 'deny';

const ARGUMENTS: readonly Argument[] = [
  {
    name: 'deployment',
    expected: "a deployment's id, or a project and a stage",
    isOptional: true,
    completes: ['project', 'deployment'],
  },
  { name: 'stage', expected: 'the name of a stage', isOptional: true, completes: ['stage'] },
];

export const approve = command('approve', 'Let a deployment go on', [
  'Answers the approval gate of the configuration that a deployment waits at, whichever process runs it: it goes on. With a stage: all that',
  'waits there. Without a name: what waits.',
]);

export const deny = command('deny', 'End one that waits', [
  'Answers the approval gate of the configuration that a deployment waits at, whichever process runs it: it fails, and is rolled back. With a',
  'stage: all that waits there. Without a name: what waits.',
]);

function command(name: Act, summary: string, about: readonly string[]): Command {
  return {
    spec: {
      name,
      summary,
      about,
      usage: [`quayside ${name} <deployment>`, `quayside ${name} <project> <stage>`, `quayside ${name}`],
      arguments: ARGUMENTS,
      flags: [{ name: 'reason', value: 'text', about: 'Why, for its log and the events' }, BY],
      examples: [`quayside ${name} 01k6v1c9q0n2f7abcd --reason "looks good"`, `quayside ${name} shop prod`],
    },
    async run(context) {
      const { positionals } = context.given;
      const [first, stage] = positionals;
      if (first !== undefined && stage === undefined && !ID.test(first)) {
        const expected = "a deployment's id of 18 characters, or a project and a stage";
        return err(usage([{ path: 'deployment', expected, received: JSON.stringify(first) }], name));
      }
      return withDeployer(context, 'reads', async (session) => {
        const gates = gatesOf(session);
        if (gates.length === 0) return err(noGate());
        const waiting = await waitingAt(gates, session);
        if (waiting.isErr()) return err(waiting.error);
        if (first === undefined) return ok(printAll(waiting.value, session));
        if (stage === undefined) return answerOne(name, first, gates, waiting.value, session);
        return answerStage(name, first, stage, waiting.value, session);
      });
    },
  };
}

function noGate(): AnyError {
  const expected = 'a gate that asks for approvals: `approvalGate()` of @quayside/plugins, `approval` in JSON';
  return invalid('invalid-config', [{ path: 'plugins', expected, received: 'none' }]);
}

interface Waiting {
  readonly gate: ApprovalGate;
  readonly question: PendingApproval;
}

/** The oldest first. */
async function waitingAt(
  gates: readonly ApprovalGate[],
  { reading: signal }: Session,
): Promise<Result<readonly Waiting[], AnyError>> {
  const all: Waiting[] = [];
  for (const gate of gates) {
    const pending = await gate.pending({ signal });
    if (pending.isErr()) return err(pending.error);
    all.push(...pending.value.map((question) => ({ gate, question })));
  }
  return ok(all.sort((a, b) => a.question.since - b.question.since));
}

async function answerOne(
  act: Act,
  id: string,
  gates: readonly ApprovalGate[],
  waiting: readonly Waiting[],
  session: Session,
): Promise<Result<number, AnyError>> {
  const found = waiting.find(({ question }) => question.deploymentId === id);
  if (found) return answered(act, [found], session);
  // Its gate knows whether it had this very answer a moment ago, or another one, or does not wait at all.
  const errors: AnyError[] = [];
  for (const gate of gates) {
    const said = await answer(act, gate, id, session);
    if (said.isOk()) return answered(act, [], session, id);
    errors.push(said.error);
  }
  const error = errors.find(({ code }) => code !== 'not-pending') ?? errors[0];
  const hint = `See what waits: \`quayside ${act}\`; or how it ended: \`quayside history\`.`;
  return error?.kind === 'unknown-deployment' ? err({ ...error, hint }) : err(error ?? noGate());
}

async function answerStage(
  act: Act,
  project: string,
  stage: string,
  waiting: readonly Waiting[],
  session: Session,
): Promise<Result<number, AnyError>> {
  const found = waiting.filter(({ question }) => question.project === project && question.stage === stage);
  if (found.length > 0) return answered(act, found, session);
  const known = await checkNames(session, project, stage);
  if (known.isErr()) return err(known.error);
  const { screen } = session;
  if (screen.isJson) screen.object({ type: 'result', exitCode: EXIT.failed, answered: [] });
  else screen.note(`Nothing waits for an approval on ${plain(`${project}/${stage}`)}.`);
  return ok(EXIT.failed);
}

const answer = (act: Act, gate: ApprovalGate, id: string, session: Session) => {
  const reason = flagValue(session.given, 'reason');
  const { by = 'somebody' } = byOf(session);
  return gate[act](id, by, { signal: session.interrupts.signal, ...(reason === undefined ? {} : { reason }) });
};

/** @param id of one that had this very answer already, and is on its way */
async function answered(
  act: Act,
  all: readonly Waiting[],
  session: Session,
  id?: string,
): Promise<Result<number, AnyError>> {
  const { screen } = session;
  const { style, signs } = screen.look;
  for (const { gate, question } of all) {
    const said = await answer(act, gate, question.deploymentId, session);
    if (said.isErr()) return err(said.error);
  }
  const what = act === 'approve' ? 'is approved' : 'is denied, and is rolled back';
  if (screen.isJson)
    screen.object({ type: 'result', exitCode: EXIT.done, answered: all.map(({ question }) => question) });
  else {
    for (const { question } of all) {
      const name = `${style.bold(plain(nameOf(question)))} (${question.deploymentId})`;
      screen.print(`${style.green(signs.done)} ${name} ${what}`);
    }
    if (id !== undefined) screen.print(`${style.green(signs.done)} deployment ${id} ${what} already`);
  }
  return ok(EXIT.done);
}

function printAll(waiting: readonly Waiting[], { screen }: Session): number {
  const { style } = screen.look;
  if (screen.isJson) for (const { question } of waiting) screen.object(question);
  else if (waiting.length === 0) screen.note('Nothing waits for an approval.');
  else
    for (const line of table(
      waiting.map(({ question }) => question),
      COLUMNS,
      screen.columns,
      style.bold,
    ))
      screen.print(line);
  return EXIT.done;
}

const COLUMNS: readonly Column<PendingApproval>[] = [
  { title: 'DEPLOYMENT', cell: ({ deploymentId }) => deploymentId },
  { title: 'STAGE', cell: ({ project, stage }) => plain(`${project}/${stage}`), isElastic: true },
  { title: 'TAG', cell: ({ tag }) => plain(tag), isElastic: true },
  { title: 'WAITS', cell: ({ since }) => ageText(Date.now() - since), spare: 2 },
  { title: 'UNTIL', cell: ({ until }) => timeText(until), spare: 3 },
  { title: 'LOOK AT', cell: ({ domains }) => plain(domains.join(' ')), isElastic: true, spare: 1 },
];
