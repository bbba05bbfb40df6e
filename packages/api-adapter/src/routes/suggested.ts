/** What the core says of a name that it does not know lists those that it knows: here only those that the caller may see. */
import { type AnyError, didYouMean, quoted } from '@quayside/core/ports';
import type { Place } from '../authorize.js';
import { seenOf } from './pages.js';
import type { Call } from './route.js';

type Asking = Pick<Call<unknown, unknown, unknown>, 'context' | 'signal' | 'shows'>;

/** @param asked what the call named */
export async function suggested(error: AnyError, asked: Place, { context, signal, shows }: Asking): Promise<AnyError> {
  const { project = '', stage = '' } = asked;
  if (error.kind !== 'unknown-project' && error.kind !== 'unknown-stage') return error;
  const listed = await context.catalogue.projects(signal);
  const all = listed.unwrapOr([]);
  if (error.kind === 'unknown-project') {
    const known = (await seenOf(all, ({ name }) => shows({ project: name }, 'read'))).map(({ name }) => name);
    return told(error, `There is no project ${quoted(project)}${didYouMean(project, known)}.`, known);
  }
  const stages = all.find(({ name }) => name === project)?.stages ?? [];
  const names = stages.map((each) => ('name' in each ? each.name : each.pattern));
  const known = await seenOf(names, (name) => shows({ project, stage: name }, 'read'));
  return told(error, `Project ${quoted(project)} has no stage ${quoted(stage)}${didYouMean(stage, known)}.`, known);
}

const told = ({ kind, retryable }: AnyError, message: string, known: readonly string[]): AnyError =>
  ({
    kind,
    message,
    hint: known.length > 0 ? `Choose one of: ${known.join(', ')}.` : 'Look at those that you may see: `GET /projects`.',
    retryable,
  }) as AnyError;
