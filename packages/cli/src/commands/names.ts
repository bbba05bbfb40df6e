/** Names of projects and stages: those of the configuration, and those that the store remembers. */
import type { AnyError, ErrorKind } from '@quayside/core';
import { didYouMean } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Argument } from '../arguments/grammar.js';
import type { Session } from '../session.js';

export const PROJECT: Argument = { name: 'project', expected: 'the name of a project', completes: ['project'] };
export const STAGE: Argument = { name: 'stage', expected: 'the name of a stage', completes: ['stage'] };
export const TAG: Argument = { name: 'tag', expected: 'a tag, such as v1.4.2', completes: ['tag'] };

/**
 * Whether there is such a project, and such a stage: in the configuration, or else in the history, which remembers what has left the
 * configuration. For commands that would otherwise answer a name that was mistyped with silence.
 */
export async function checkNames(
  session: Session,
  project: string | undefined,
  stage: string | undefined,
): Promise<Result<void, AnyError>> {
  if (project === undefined) return ok(undefined);
  const { deployer, options, reading } = session;
  const { projects } = options;
  // A host that keeps its own projects cannot be asked for their names.
  if (typeof projects === 'function') return ok(undefined);
  const configured = Object.hasOwn(projects, project) ? projects[project] : undefined;
  const isKnown = stage === undefined ? configured !== undefined : configured && hasStage(configured.stages, stage);
  if (isKnown) return ok(undefined);
  const query = { project, ...(stage === undefined ? {} : { stage }), limit: 1, signal: reading };
  const remembered = await deployer.deployments.list(query);
  if (remembered.isErr()) return err(remembered.error);
  if (remembered.value.items.length > 0) return ok(undefined);
  if (!configured) return err(unknown('unknown-project', `project "${project}"`, project, Object.keys(projects)));
  const what = `stage "${stage}" of project "${project}"`;
  return err(unknown('unknown-stage', what, stage ?? '', Object.keys(configured.stages)));
}

/** Whether a stage's name is one of these, or fits one of these patterns. */
export const hasStage = (stages: object, name: string): boolean =>
  Object.keys(stages).some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.+')}$`, 'u').test(name);
  });

const unknown = (kind: ErrorKind, what: string, name: string, known: readonly string[]): AnyError => ({
  kind,
  message: `There is no ${what}${didYouMean(name, known)}.`,
  hint: known.length > 0 ? `Choose one of: ${known.join(', ')}.` : 'Add it to the configuration.',
  retryable: false,
});
