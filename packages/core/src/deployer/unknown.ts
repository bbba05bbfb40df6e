import type { TaggedError } from '../domain/errors.js';

export const unknownDeployment = (id: string): TaggedError<'unknown-deployment'> => ({
  kind: 'unknown-deployment',
  message: `There is no deployment ${id}.`,
  hint: 'Look at the history: `deployments.list()`, or `quayside history`.',
  retryable: false,
});

export const unknownInstance = (id: string): TaggedError<'unknown-instance'> => ({
  kind: 'unknown-instance',
  message: `There is no instance ${id}: it was never made, or it has been removed.`,
  hint: 'Look at what runs: `instances.list()`, or `quayside ps`.',
  retryable: false,
});

export const closed = (): TaggedError<'closed'> => ({
  kind: 'closed',
  message: 'The deployer is closed, or closing.',
  hint: 'Make a new one with createDeployer.',
  retryable: false,
});
