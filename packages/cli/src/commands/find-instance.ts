/** The instance that is meant: by its id, by its container's name, or by its stage. */
import type { AnyError, Instance } from '@quayside/core';
import { didYouMean } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Argument } from '../arguments/grammar.js';
import { usage } from '../arguments/parse.js';
import { everyPage } from '../every-page.js';
import type { Session } from '../session.js';
import { checkNames } from './names.js';

/** What instances and deployments are known by. */
export const ID = /^[0-9a-z]{18}$/;

/** `<instance>`, or `<project> <stage> [tag]`. */
export const INSTANCE_ARGUMENTS: readonly Argument[] = [
  {
    name: 'instance',
    expected: "an instance's id, its container's name, or a project and a stage",
    completes: ['project', 'instance'],
  },
  { name: 'stage', expected: 'the name of a stage', isOptional: true, completes: ['stage'] },
  { name: 'tag', expected: 'a tag', isOptional: true, completes: ['tag'] },
];

/** Of a stage: the one that serves, or the newest of a tag. */
export async function findInstance(session: Session): Promise<Result<Instance, AnyError>> {
  const { deployer, given, reading } = session;
  const [first = '', stage, tag] = given.positionals;
  if (stage === undefined) {
    if (ID.test(first)) return deployer.instances.get(first, { signal: reading });
    const all = await everyPage((page) => deployer.instances.list({ ...page, signal: reading }));
    return all.andThen((instances) => {
      const named = instances.find(({ container }) => container === first);
      const names = instances.map(({ container }) => container);
      return named ? ok(named) : err(unknownName(session, first, didYouMean(first, names)));
    });
  }
  const ofStage = await everyPage((page) =>
    deployer.instances.list({ project: first, stage, ...page, signal: reading }),
  );
  if (ofStage.isErr()) return err(ofStage.error);
  const found = ofStage.value.find((each) => (tag === undefined ? each.isDefault : each.tag === tag));
  if (found) return ok(found);
  const known = await checkNames(session, first, stage);
  if (known.isErr()) return err(known.error);
  const near =
    tag === undefined
      ? ''
      : didYouMean(
          tag,
          ofStage.value.map((each) => each.tag),
        );
  return err({
    kind: 'unknown-instance',
    message: `${tag === undefined ? 'Nothing' : `No instance of ${tag}`} runs on ${first}/${stage}${near}.`,
    hint: 'Look at what runs: `quayside ps`.',
    retryable: false,
  });
}

function unknownName({ given }: Session, name: string, near: string): AnyError {
  const what = given.command === 'logs' ? 'a deployment' : 'an instance';
  const expected = `${what}'s id, the name of a container of ours, or a project and a stage${near}`;
  const path = given.command === 'logs' ? 'deployment' : 'instance';
  return usage([{ path, expected, received: JSON.stringify(name) }], given.command);
}
