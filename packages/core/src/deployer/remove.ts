/** Removing an instance, or a stage with all that it has. */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, failure, type TaggedError } from '../domain/errors.js';
import { stageKey } from '../domain/records.js';
import { audited } from '../events/audit.js';
import type { Host } from '../flow/host.js';
import { type OnTasks, takeDown } from '../flow/take-down.js';
import { routine } from '../kernel/routine.js';
import { unknownInstance } from './unknown.js';

export interface RemoveTerms {
  readonly onTasks: OnTasks;
  readonly by: string | null;
  readonly signal: AbortSignal;
}

/** The answer names the instances that go. */
export function removeInstance(
  host: Host,
  id: string,
  { onTasks, by, signal }: RemoveTerms,
): ResultAsync<readonly string[], AnyError> {
  return routine(async function* () {
    const found = yield* host.store.get('instances', id, { signal });
    if (!found) return err(unknownInstance(id));
    return await takeDown(host, found.value.stageKey, { onTasks, signal }, (state) => {
      const instance = state.instances.find(({ value }) => value.id === id)?.value;
      if (!instance) return err(unknownInstance(id));
      if (state.stage?.value.current === id) return err(inUse(id));
      if (instance.state !== 'running') return ok({ going: [], reason: 'removed', isWhole: false });
      const asked = audited(host, { act: 'remove', by, of: instance, tag: instance.tag, subject: id });
      return ok({ going: [instance], reason: 'removed', isWhole: false, ...asked });
    });
  });
}

export function removeStage(
  host: Host,
  { project, stage }: { readonly project: string; readonly stage: string },
  { onTasks, by, signal }: RemoveTerms,
): ResultAsync<readonly string[], AnyError> {
  return takeDown(host, stageKey(project, stage), { onTasks, signal }, (state) =>
    state.stage || state.instances.length > 0 || state.routes.length > 0
      ? ok({
          going: state.instances.map(({ value }) => value).filter((each) => each.state === 'running'),
          reason: 'removed',
          isWhole: true,
          ...audited(host, { act: 'remove', by, of: { project, stage } }),
        })
      : err(unknownStage(project, stage)),
  );
}

const inUse = (id: string): TaggedError<'instance-in-use'> =>
  failure(
    'instance-in-use',
    `The default route points to instance ${id}.`,
    'Deploy or roll back to another one first, or remove the whole stage.',
  );

const unknownStage = (project: string, stage: string): TaggedError<'unknown-stage'> =>
  failure(
    'unknown-stage',
    `Nothing is deployed on stage "${stage}" of project "${project}".`,
    'Look at what runs: `instances.list()`, or `quayside ps`.',
  );
