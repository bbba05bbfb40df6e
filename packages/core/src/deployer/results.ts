/** The end of a deployment, by what the store says: whoever ran it. */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { type AnyError, aborted, failure } from '../domain/errors.js';
import { type DeploymentRecord, isTerminal } from '../domain/records.js';
import { type Deployment, deploymentView } from '../domain/views.js';
import type { Host } from '../flow/host.js';
import { routine } from '../kernel/routine.js';
import { revivedError } from '../kernel/stored-error.js';
import type { DeployError } from './types.js';
import { unknownDeployment } from './unknown.js';
import { storeNews } from './wait.js';

/** Waits until the store says that it has ended. */
export function followResult(host: Host, id: string, signal: AbortSignal): ResultAsync<Deployment, DeployError> {
  return routine(async function* () {
    const news = storeNews(host);
    try {
      for (;;) {
        const stored = yield* host.store.get('deployments', id, { signal });
        if (!stored) return err<Deployment, DeployError>(unknownDeployment(id));
        if (isTerminal(stored.value.status)) return verdict(stored.value);
        await news.next(signal);
        if (signal.aborted) return err<Deployment, DeployError>(aborted('Waiting for the result', signal.reason));
      }
    } finally {
      news.end();
    }
  });
}

export function verdict(record: DeploymentRecord): Result<Deployment, DeployError> {
  const deployment = deploymentView(record);
  if (record.status === 'succeeded' || record.status === 'unchanged') return ok(deployment);
  const error: AnyError = record.error
    ? revivedError(record.error)
    : failure('interrupted', `The deployment was ${record.status}.`, 'Deploy again if it is still wanted.', {
        retryable: true,
      });
  return err({ ...error, deployment });
}
