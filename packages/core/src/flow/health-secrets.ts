/**
 * Headers of the health check that carry a login. The flow has them in the clear; the spec, which is stored, has them sealed like the
 * environment, or, without a key, not at all: then a roll back takes them from the configuration of its day.
 */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../domain/errors.js';
import type { HealthCheck } from '../domain/health.js';
import { routine } from '../kernel/routine.js';
import { noKey } from './environment.js';
import type { Host } from './host.js';

/** Headers whose values nobody should see. */
const SECRET_HEADER = /authorization|cookie|token|secret|password|passwd|signature|credential|key|^x-auth/i;

export const isSecretHeader = (name: string): boolean => SECRET_HEADER.test(name);

export const withAndWithoutScheme = (value: string): string[] => [value, value.replace(/^[A-Za-z]+ +/, '')];

export const headerContext = (name: string): string => `header:${name.toLowerCase()}`;

/** Whole, and without a scheme such as `Bearer`. */
export function headerSecrets(health: HealthCheck): string[] {
  if (health.kind !== 'http') return [];
  return Object.entries(health.headers).flatMap(([name, value]) =>
    isSecretHeader(name) ? withAndWithoutScheme(value) : [],
  );
}

/** As it is stored. */
export function keepHealth(host: Pick<Host, 'sealer'>, health: HealthCheck): ResultAsync<HealthCheck, AnyError> {
  return routine(async function* () {
    if (health.kind !== 'http') return ok<HealthCheck, AnyError>(health);
    const headers: Record<string, string> = {};
    const sealedHeaders: Record<string, string | null> = {};
    for (const [name, value] of Object.entries(health.headers)) {
      if (!isSecretHeader(name)) headers[name] = value;
      else sealedHeaders[name] = host.sealer ? yield* host.sealer.seal(value, headerContext(name)) : null;
    }
    const isAny = Object.keys(sealedHeaders).length > 0;
    return ok<HealthCheck, AnyError>(isAny ? { ...health, headers, sealedHeaders } : health);
  });
}

/** As it was. @param today the check that the stage has now, for headers that were not kept */
export function reviveHealth(
  host: Pick<Host, 'sealer'>,
  recorded: HealthCheck,
  today: () => ResultAsync<HealthCheck, AnyError>,
): ResultAsync<HealthCheck, AnyError> {
  return routine(async function* () {
    if (recorded.kind !== 'http' || !recorded.sealedHeaders) return ok<HealthCheck, AnyError>(recorded);
    const { sealedHeaders, ...health } = recorded;
    const headers: Record<string, string> = { ...health.headers };
    for (const [name, sealed] of Object.entries(sealedHeaders)) {
      if (sealed === null) {
        const now = yield* today();
        const value = now.kind === 'http' ? now.headers[name] : undefined;
        if (value === undefined) return err(notKept(name));
        headers[name] = value;
      } else if (host.sealer) headers[name] = yield* host.sealer.open(sealed, headerContext(name));
      else return err(noKey(`the header ${name}`));
    }
    return ok<HealthCheck, AnyError>({ ...health, headers });
  });
}

const notKept = (name: string): AnyError =>
  failure(
    'secret-not-kept',
    `The value of the health check's header ${name} was not kept for want of a key, and today's configuration lacks it.`,
    'Add it to `healthcheck.headers` of the stage; `secrets.keys` keeps later ones.',
  );
