/** A deployment from its submission to its verdict, for `deploy` and `rollback`. */
import type { AnyError, DeployError, Deployment, Instance } from '@quayside/core';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import { presenterFor } from '../render/deployment/index.js';
import { nameOf, type Watched, watch } from '../render/deployment/presenter.js';
import type { Session } from '../session.js';
import { gatesOf } from './gates-of.js';
import { nearTag, withAdvice } from './near-tag.js';

/** What the verdict adds from the store may take so long; without it, it is shorter. */
const LOOK_MS = 3_000;

export async function runDeployment(
  session: Session,
  stage: { readonly project: string; readonly stage: string },
  start: (signal: AbortSignal) => ResultAsync<Deployment, DeployError>,
): Promise<Result<number, AnyError>> {
  const { deployer, screen, interrupts } = session;
  const presenter = presenterFor(screen);
  const gates = gatesOf(session).map(({ name }) => name);
  const watched = watch(deployer, stage, presenter, gates);
  session.closing = { tell: (what) => presenter.closing(what), end: () => presenter.end() };
  interrupts.onFirst = () => presenter.cancelling();
  interrupts.onLeave = () => {
    presenter.end();
    return leaving(session, watched);
  };
  const answer = await start(interrupts.signal);
  const deployment = answer.isOk() ? answer.value : answer.error.deployment;
  if (answer.isErr() && !deployment) {
    presenter.end();
    return err(answer.error);
  }
  if (!deployment) return ok(EXIT.failed);
  const given = answer.isErr() ? answer.error : null;
  // What was mistyped comes to light at the registry only.
  const near = given?.kind === 'image-not-found' ? await nearTag(session, deployment.project, deployment.tag) : null;
  const error = given && withAdvice(given, near);
  const told = deployment.error ? { ...deployment, error: withAdvice(deployment.error, near) } : deployment;
  const exitCode = error ? exitCodeOf(error) : EXIT.done;
  presenter.verdict({
    exitCode,
    deployment: told,
    error,
    instance: error ? null : await instanceOf(session, deployment),
    serving: error ? await servingOf(session, stage) : null,
  });
  return ok(exitCode);
}

async function instanceOf({ deployer }: Session, { instance }: Deployment): Promise<Instance | null> {
  if (instance === null) return null;
  return (await deployer.instances.get(instance, { signal: AbortSignal.timeout(LOOK_MS) })).unwrapOr(null);
}

/** What the default route points to now. */
async function servingOf({ deployer }: Session, stage: { readonly project: string; readonly stage: string }) {
  const page = await deployer.instances.list({ ...stage, signal: AbortSignal.timeout(LOOK_MS) });
  return page.isOk() ? (page.value.items.find(({ isDefault }) => isDefault) ?? null) : null;
}

/** Ctrl-C for the second time, before it was undone. */
function leaving({ screen }: Session, { deployment }: Watched): number {
  const left = deployment?.steps.filter(({ status }) => status !== 'undone').map(({ name }) => name) ?? [];
  if (!deployment || left.length === 0) return EXIT.cancelled;
  const { id, project, stage } = deployment;
  if (screen.isJson) screen.object({ type: 'left', exitCode: EXIT.leftovers, deployment: id, steps: left });
  else {
    screen.note(`Left before ${nameOf(deployment)} (${id}) was rolled back. Not undone: ${left.join(', ')}.`);
    screen.note(`The next deployment of ${project}/${stage} undoes it first.`);
  }
  return EXIT.leftovers;
}
