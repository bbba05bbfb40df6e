import { failure, type TaggedError } from '../domain/errors.js';

export const unknownDeployment = (id: string): TaggedError<'unknown-deployment'> =>
  failure(
    'unknown-deployment',
    `There is no deployment ${id}.`,
    'Look at the history: `deployments.list()`, or `quayside history`.',
  );

export const unknownInstance = (id: string): TaggedError<'unknown-instance'> =>
  failure(
    'unknown-instance',
    `There is no instance ${id}: it never was, or is gone.`,
    'Look at what runs: `instances.list()`, or `quayside ps`.',
  );

export const closed = (): TaggedError<'closed'> =>
  failure('closed', 'The deployer is closed, or closing.', 'Make a new one with createDeployer.');
