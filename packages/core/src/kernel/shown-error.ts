import type { AnyError } from '../domain/errors.js';
import type { KeepsSecrets } from '../ports/secrets.js';
import { Secrets } from './secrets.js';
import { redactedError } from './stored-error.js';

/**
 * An error of a port as it may be shown: without what these ports keep secret, whatever wrote it. For whoever calls a port by itself; what
 * comes from a deployer has gone through this already.
 */
export const shownError = <E extends AnyError>(error: E, ports: readonly KeepsSecrets[]): E =>
  redactedError(error, new Secrets(ports).redactor());
